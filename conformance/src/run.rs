//! Runs one scenario.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use homelab_bindings::rows::Cell;
use homelab_bindings::{Args, Handle, Reply, Rows, Stream};
use homelab_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use crate::pattern::mismatch;
use crate::scenario::{Leave, Scenario, Step};

/// Nothing takes longer, whatever the scenario says.
const LIMIT: Duration = Duration::from_secs(60);

enum Saved {
    Handle(Handle),
    Value(Value),
}

struct Runner<'a> {
    saved: HashMap<String, Saved>,
    dir: &'a Path,
}

/// What a step gave, and the progress that it reported.
struct Outcome {
    result: Result<Saved>,
    progress: Vec<Value>,
}

/// Runs `scenarios/NAME.json`.
///
/// # Panics
/// When something is not as the scenario says: this is a test.
#[allow(clippy::panic, clippy::expect_used, reason = "tests fail by panicking")]
pub async fn scenario(name: &str) {
    let file = crate::root().join("scenarios").join(format!("{name}.json"));
    let text = std::fs::read_to_string(&file).expect("the scenario's file");
    let scenario: Scenario = serde_json::from_str(&text).expect("a scenario");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut runner = Runner {
        saved: HashMap::new(),
        dir: dir.path(),
    };
    for (number, step) in scenario.steps.iter().enumerate() {
        if let Err(why) = runner.step(step).await {
            panic!("{name}, step {}: {why}\n{}", number + 1, scenario.about);
        }
    }
}

impl Runner<'_> {
    async fn step(&mut self, step: &Step) -> std::result::Result<(), String> {
        let start = Instant::now();
        loop {
            let outcome = tokio::time::timeout(LIMIT, self.act(step))
                .await
                .map_err(|_| format!("not done after {LIMIT:?}"))??;
            let took = start.elapsed().as_secs_f64();
            match self.judge(step, outcome) {
                Ok(()) => {
                    return match step.within_seconds {
                        Some(limit) if took > limit => Err(format!("took {took:.1} s")),
                        _ => Ok(()),
                    };
                }
                Err(why) if step.until_seconds.is_none_or(|limit| took > limit) => return Err(why),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    async fn act(&mut self, step: &Step) -> std::result::Result<Outcome, String> {
        let value = |v: Value| Outcome {
            result: Ok(Saved::Value(v)),
            progress: Vec::new(),
        };
        if let Some(name) = &step.write {
            std::fs::write(self.dir.join(name), &step.text).map_err(|e| e.to_string())?;
            return Ok(value(Value::Null));
        }
        if let Some(name) = &step.files {
            return Ok(value(list(&self.dir.join(name))));
        }
        if let Some(target) = step.call.as_ref().or(step.get.as_ref()) {
            return self.call(target, step).await;
        }
        if let Some(target) = &step.read {
            let reply = self.dispatch(target, step).await?;
            let (result, items) = match reply {
                Ok(Reply::Stream(stream)) => leave(stream, step).await,
                Ok(_) => return Err(format!("{target} is no stream")),
                Err(error) => (Err(error), Vec::new()),
            };
            return Ok(Outcome {
                result: result.map(|()| Saved::Value(items.into())),
                progress: Vec::new(),
            });
        }
        if let Some(target) = &step.cancel {
            let after = Duration::from_secs_f64(step.after_seconds);
            let call = self.call(target, step);
            return match tokio::time::timeout(after, call).await {
                Ok(outcome) => outcome,
                // Dropping the future is how Rust cancels.
                Err(_) => Ok(Outcome {
                    result: Err(Error::new(ErrorKind::Cancelled, "dropped")),
                    progress: Vec::new(),
                }),
            };
        }
        Err("a step that does nothing".into())
    }

    async fn call(&self, target: &str, step: &Step) -> std::result::Result<Outcome, String> {
        let mut progress = Vec::new();
        let result = match self.dispatch(target, step).await? {
            Ok(Reply::Json(text)) => Ok(Saved::Value(parse(&text)?)),
            Ok(Reply::Rows(rows)) => Ok(Saved::Value(objects(&rows))),
            Ok(Reply::Handle(handle)) => Ok(Saved::Handle(handle)),
            Ok(Reply::Stream(steps)) => finish(steps, &mut progress).await,
            Err(error) => Err(error),
        };
        Ok(Outcome { result, progress })
    }

    /// Calls `Class.method` or `name.method`.
    async fn dispatch(
        &self,
        target: &str,
        step: &Step,
    ) -> std::result::Result<Result<Reply>, String> {
        let (object, method) = target.split_once('.').ok_or("a target without a method")?;
        let mut args = Map::new();
        for (name, value) in step.args.iter().chain(&step.options) {
            args.insert(name.clone(), self.resolve(value)?);
        }
        let args = Args::from(args);
        if object.starts_with(|c: char| c.is_ascii_uppercase()) {
            return Ok(Handle::root().call(target, args).await);
        }
        match self.saved.get(object) {
            Some(Saved::Handle(handle)) if method == "close" => {
                handle.close();
                Ok(Ok(Reply::Json("null".into())))
            }
            Some(Saved::Handle(handle)) => Ok(handle.call(method, args).await),
            _ => Err(format!("{object} has no methods")),
        }
    }

    /// Replaces `$name`, `$dir/...`, `$lab/...` and `{"$merge": [..]}`.
    fn resolve(&self, value: &Value) -> std::result::Result<Value, String> {
        let path = |base: &Path, rest: &str| json!(base.join(rest.trim_start_matches('/')));
        match value {
            Value::String(text) => {
                let Some(name) = text.strip_prefix('$') else {
                    return Ok(value.clone());
                };
                if let Some(rest) = name.strip_prefix("dir") {
                    return Ok(path(self.dir, rest));
                }
                if let Some(rest) = name.strip_prefix("labs") {
                    return Ok(path(&crate::root().join("../examples/labs"), rest));
                }
                match self.saved.get(name) {
                    Some(Saved::Value(value)) => Ok(value.clone()),
                    _ => Err(format!("nothing is saved as {name}")),
                }
            }
            Value::Object(map) => {
                if let Some(parts) = map.get("$merge").and_then(Value::as_array) {
                    let mut merged = Map::new();
                    for part in parts {
                        merged.extend(self.resolve(part)?.as_object().cloned().unwrap_or_default());
                    }
                    return Ok(merged.into());
                }
                Ok(value.clone())
            }
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            _ => Ok(value.clone()),
        }
    }

    /// A pattern with what was saved in place of `$name`.
    fn expected(&self, pattern: &Value) -> std::result::Result<Value, String> {
        match pattern {
            Value::String(_) => self.resolve(pattern),
            Value::Object(keys) => keys
                .iter()
                .map(|(key, value)| Ok((key.clone(), self.expected(value)?)))
                .collect::<std::result::Result<Map<_, _>, String>>()
                .map(Value::Object),
            _ => Ok(pattern.clone()),
        }
    }

    fn judge(&mut self, step: &Step, outcome: Outcome) -> std::result::Result<(), String> {
        if let Some(pattern) = &step.progress
            && let Some(why) = mismatch(pattern, &outcome.progress.into(), "progress")
        {
            return Err(why);
        }
        let saved = match (outcome.result, &step.error) {
            (Err(error), Some(pattern)) => {
                let data = serde_json::to_value(error.to_data()).map_err(|e| e.to_string())?;
                return mismatch(pattern, &data, "error").map_or(Ok(()), Err);
            }
            (Err(error), None) => return Err(format!("{error:?}")),
            (Ok(_), Some(pattern)) => return Err(format!("no error, but expected {pattern}")),
            (Ok(saved), None) => saved,
        };
        if let Some(pattern) = &step.expect {
            let Saved::Value(value) = &saved else {
                return Err("a handle cannot be compared".into());
            };
            let pattern = self.expected(pattern)?;
            if let Some(why) = mismatch(&pattern, value, "value") {
                return Err(why);
            }
        }
        if let Some(name) = &step.save {
            self.saved.insert(name.clone(), saved);
        }
        Ok(())
    }
}

/// Reads a stream as the step says. The stream is dropped at the end.
async fn leave(stream: Stream, step: &Step) -> (Result<()>, Vec<Value>) {
    let mut items = Vec::new();
    while items.len() < step.count || matches!(step.then, Some(Leave::End)) {
        match stream.next().await {
            Ok(Some(text)) => items.push(serde_json::from_str(&text).unwrap_or(Value::Null)),
            Ok(None) => return (Ok(()), items),
            Err(error) => return (Err(error), items),
        }
    }
    match step.then {
        Some(Leave::Close) => stream.close(),
        Some(Leave::Cancel) => {
            let _ = tokio::time::timeout(Duration::from_millis(200), stream.next()).await;
        }
        _ => {}
    }
    (Ok(()), items)
}

/// Runs a call that reports progress to its end.
async fn finish(steps: Stream, progress: &mut Vec<Value>) -> Result<Saved> {
    while let Some(text) = steps.next().await? {
        let step: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if let Some(result) = step.get("result") {
            return Ok(Saved::Value(result.clone()));
        }
        progress.extend(step.get("progress").cloned());
    }
    Err(Error::new(ErrorKind::Internal, "it ended without a result"))
}

/// The names in a folder, sorted; none if there is no folder.
fn list(folder: &Path) -> Value {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return json!([]);
    };
    let mut names: Vec<_> = entries
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names.into()
}

/// Rows as the objects that the other languages make of them.
fn objects(rows: &Rows) -> Value {
    let value = |cell: Cell<'_>| match cell {
        Cell::Absent => Value::Null,
        Cell::Truth(truth) => json!(truth),
        Cell::Whole(number) => json!(number),
        Cell::Number(number) => json!(number),
        Cell::Text(text) => json!(text),
        Cell::List(list) => json!(list),
    };
    let object = |row: usize| -> Map<String, Value> {
        let columns = rows.columns().iter();
        columns
            .map(|column| (column.name.to_owned(), value(column.cells.get(row))))
            .collect()
    };
    (0..rows.len())
        .map(|row| Value::Object(object(row)))
        .collect()
}

fn parse(text: &str) -> std::result::Result<Value, String> {
    serde_json::from_str(text).map_err(|e| e.to_string())
}
