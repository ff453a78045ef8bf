//! Python's classes: the sync ones and their twins for asyncio.

use std::fmt::Write;

use super::Api;
use super::manifest::{Class, Kind, Method};
use super::python_types::{Place, annotation, attribute};
use super::text::{docstring, indented};
use super::types::{Shape, Type};

/// Writes one class.
pub(super) struct Writer<'a> {
    pub(super) api: &'a Api,
    pub(super) class: &'a Class,
    pub(super) twins: bool,
}

impl Writer<'_> {
    fn name(&self, class: &Class) -> String {
        let twin = if self.twins && class.twin {
            "Async"
        } else {
            ""
        };
        format!("{twin}{}", class.name)
    }

    pub(super) fn class(&self, out: &mut String) -> Result<(), String> {
        let mut doc = self.class.doc.trim().to_owned();
        if self.twins {
            let _ = write!(doc, "\n\nThe twin of `{}` for asyncio.", self.class.name);
        }
        let _ = writeln!(
            out,
            "\n\nclass {}:\n{}\n    __slots__ = (\"_cache\", \"_handle\")\n\n    \
             def __init__(self, handle: _native.Handle) -> None:\n        \
             self._handle = handle\n        self._cache: dict[str, Any] = {{}}",
            self.name(self.class),
            docstring(&doc, 4)
        );
        let shown: String = self.class.shown().fold(String::new(), |mut all, method| {
            let _ = write!(all, "{:?}, ", method.name);
            all
        });
        let _ = writeln!(
            out,
            "\n    def __repr__(self) -> str:\n        return _runtime.shown(self, ({}))",
            shown.trim_end()
        );
        for method in &self.class.method {
            self.method(out, method)?;
        }
        if let Some(exit) = &self.class.exit {
            self.context_manager(out, exit);
        }
        Ok(())
    }

    fn method(&self, out: &mut String, method: &Method) -> Result<(), String> {
        let waits = self.twins && matches!(method.kind, Kind::Call | Kind::Progress | Kind::Rows);
        let doc = Self::doc(method);
        let returns = self.returns(method);
        out.push('\n');
        if method.is_static {
            out.push_str("    @staticmethod\n");
        }
        if method.kind == Kind::Property {
            out.push_str("    @property\n");
        }
        let _ = write!(
            out,
            "    {}def {}({}) -> {returns}:\n{}",
            if waits { "async " } else { "" },
            method.name,
            Self::signature(method),
            docstring(&doc, 8)
        );
        out.push_str(&indented_body(&self.body(method)?));
        Ok(())
    }

    fn signature(method: &Method) -> String {
        let mut parts: Vec<String> = Vec::new();
        if !method.is_static {
            parts.push("self".into());
        }
        for param in method.required() {
            parts.push(format!(
                "{}: {}",
                attribute(&param.name),
                annotation(&param.ty, Place::Param)
            ));
        }
        let mut optional: Vec<String> = method
            .optional()
            .map(|p| {
                format!(
                    "{}: {} = None",
                    attribute(&p.name),
                    annotation(&p.ty, Place::Param)
                )
            })
            .collect();
        // The one thing to wait for comes first and may go by position.
        if let Some(progress) = &method.progress {
            let ty = annotation(progress, Place::Param);
            optional.insert(
                0,
                format!("on_progress: Callable[[{ty}], None] | None = None"),
            );
        }
        if !optional.is_empty() {
            parts.push("*".into());
            parts.extend(optional);
        }
        parts.join(", ")
    }

    fn returns(&self, method: &Method) -> String {
        let place = if method.kind == Kind::Property {
            Place::Field
        } else {
            Place::Return
        };
        let ty = match self.api.manifest.class(method.returns.inner_name()) {
            Some(class) if method.returns.is_option() => format!("{} | None", self.name(class)),
            Some(class) => self.name(class),
            None => annotation(&method.returns, place),
        };
        match (method.kind, self.twins) {
            (Kind::Rows, _) => format!("Rows[{}]", method.returns.item_name()),
            (Kind::Stream, false) => format!("Stream[{ty}]"),
            (Kind::Stream, true) => format!("AsyncStream[{ty}]"),
            _ => ty,
        }
    }

    fn body(&self, method: &Method) -> Result<String, String> {
        let handle = if method.is_static {
            "_runtime.ROOT"
        } else {
            "self._handle"
        };
        let args: Vec<_> = method
            .params
            .iter()
            .map(|p| format!("{:?}: {}", p.name, attribute(&p.name)))
            .collect();
        let call = format!(
            "({handle}, {:?}, {{{}}})",
            method.dispatch(self.class),
            args.join(", ")
        );
        let (how, wait) = match (method.kind, self.twins) {
            (Kind::Now | Kind::Property, _) => ("_now", ""),
            (_, false) => ("", ""),
            (_, true) => ("_async", "await "),
        };
        if let Some(class) = self.api.manifest.class(method.returns.inner_name()) {
            let name = self.name(class);
            return Ok(format!("return {name}({wait}_runtime.open{how}{call})\n"));
        }
        let value = format!("{wait}_runtime.call{how}{call}");
        Ok(match method.kind {
            Kind::Stream => {
                let stream = if self.twins { "AsyncStream" } else { "Stream" };
                let decode = self.api.python_decoder(&method.returns);
                format!("return {stream}(_runtime.follow{call}, {decode})\n")
            }
            Kind::Progress => {
                let progress = method
                    .progress
                    .as_ref()
                    .ok_or_else(|| format!("{}: progress without its type", method.name))?;
                let decode = self.api.python_decoder(&method.returns);
                let returns = self.returns(method);
                // What needs no decoding has no type of its own for the checker.
                let (before, after) = match (decode.as_str(), returns.as_str()) {
                    ("lambda v: v", "None") => (String::new(), ""),
                    ("lambda v: v", _) => (format!("result: {returns} = "), "return result\n"),
                    _ => ("return ".to_owned(), ""),
                };
                format!(
                    "{before}{wait}_runtime.run{how}(\n    _runtime.follow{call},\n    on_progress,\n    {},\n    {decode},\n)\n{after}",
                    self.api.python_decoder(progress),
                )
            }
            Kind::Rows => {
                let row = method.returns.item_name();
                let args = call.strip_suffix(')').unwrap_or(&call);
                format!("return {wait}_runtime.rows{how}{args}, {row})\n")
            }
            Kind::Property => {
                let decoded = self
                    .api
                    .python_decode(&method.returns, "value", Place::Field);
                format!(
                    "if {name:?} not in self._cache:\n    value = {value}\n    self._cache[{name:?}] = {decoded}\n\
                     cached: {} = self._cache[{name:?}]\nreturn cached\n",
                    self.returns(method),
                    name = method.name
                )
            }
            _ if method.returns == Type::Nothing => format!("{value}\n"),
            _ if self.api.is_plain(&method.returns) => {
                format!("value: {} = {value}\nreturn value\n", self.returns(method))
            }
            _ if self.is_struct(&method.returns) => {
                format!(
                    "return {}\n",
                    self.api
                        .python_decode(&method.returns, &value, Place::Return)
                )
            }
            _ => format!(
                "value = {value}\nreturn {}\n",
                self.api
                    .python_decode(&method.returns, "value", Place::Return)
            ),
        })
    }

    fn is_struct(&self, ty: &Type) -> bool {
        matches!(ty, Type::Named(name)
            if matches!(self.api.values.get(name).map(|v| &v.shape), Some(Shape::Struct(_))))
    }

    fn doc(method: &Method) -> String {
        let mut doc = method.doc.trim().to_owned();
        let mut args: Vec<String> = method.required().map(arg_doc).collect();
        if method.progress.is_some() {
            args.push(
                "    on_progress: Called with each report; what it raises ends the call.".into(),
            );
        }
        args.extend(method.optional().map(arg_doc));
        if !args.is_empty() {
            let _ = write!(doc, "\n\nArgs:\n{}", args.join("\n"));
        }
        if let Some(returns) = &method.returns_doc {
            let _ = write!(doc, "\n\nReturns:\n    {}", indented(returns, 4));
        }
        doc
    }

    fn context_manager(&self, out: &mut String, exit: &str) {
        let name = self.name(self.class);
        if exit == "close" {
            out.push_str(
                "\n    def close(self) -> None:\n        \
                 \"\"\"Closes the connections; later calls raise `FailedPreconditionError`.\"\"\"\n        \
                 self._handle.close()\n",
            );
        }
        let (a, def, wait) = if self.twins {
            (
                "a",
                "async def",
                if exit == "close" { "" } else { "await " },
            )
        } else {
            ("", "def", "")
        };
        let _ = writeln!(
            out,
            "\n    {def} __{a}enter__(self) -> {name}:\n        return self\n\n    \
             {def} __{a}exit__(\n        self,\n        kind: type[BaseException] | None,\n        \
             error: BaseException | None,\n        trace: TracebackType | None,\n    ) -> None:\n        \
             {wait}self.{exit}()"
        );
    }
}

fn arg_doc(param: &super::manifest::Param) -> String {
    format!(
        "    {}: {}",
        attribute(&param.name),
        indented(&param.doc, 8)
    )
}

fn indented_body(body: &str) -> String {
    let lines: Vec<_> = body
        .lines()
        .map(|line| {
            format!(
                "        {line}
"
            )
        })
        .collect();
    lines.concat()
}
