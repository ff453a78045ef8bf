//! Where everything starts.
use crate::handle::{Object, no_method};
use crate::reply::{data, done};
use crate::{Args, Handle, Reply, Stream};
use homelab_core::{Error, ErrorKind, Result};
use std::time::Duration;

struct D;
impl Drop for D {
    fn drop(&mut self) {
        eprintln!("[rust] dropped");
    }
}

pub(crate) async fn call(method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "Temp.open" => Ok(Reply::Handle(Handle::new(Object::Root))),
        "echo" => {
            let x: serde_json::Value = args.take("x")?;
            data(&x)
        }
        "fail" => Err(Error::new(ErrorKind::NotFound, "gone").target("pve1")),
        "sleep" => {
            let _d = D;
            tokio::time::sleep(Duration::from_secs_f64(args.take("seconds")?)).await;
            done()
        }
        "ticks" => {
            let d = D;
            Ok(Reply::Stream(Stream::new(futures_util::stream::unfold(
                (0u32, d),
                |(n, d)| async move {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if n == 30 {
                        return None;
                    }
                    Some((Ok(n), (n + 1, d)))
                },
            ))))
        }
        "progress" => Ok(Reply::Stream(Stream::with_progress(|report| async move {
            for i in 0..3u32 {
                report.progress(i);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok("whole")
        }))),
        _ => Err(no_method("homelab", method)),
    }
}
