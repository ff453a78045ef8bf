//! Tells the linker what a Node module may leave undefined.

fn main() {
    napi_build::setup();
}
