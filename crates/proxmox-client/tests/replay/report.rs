//! What became of the exchanges.

use std::collections::BTreeMap;
use std::path::Path;

use homelab_core::ErrorKind;

use crate::recording::Exchange;

/// How an exchange was replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// As a typed request.
    Typed,
    /// Raw: its type rightly refuses what the server refused.
    Refused,
    /// Raw: there is no type for it yet.
    Raw,
}

/// What became of an exchange.
#[derive(Debug)]
pub(crate) enum Fate {
    /// As it should be; with the kind of the error if it was one.
    Replayed(Way, Option<ErrorKind>),
    /// The client cannot make such a request, for this reason.
    Impossible(String),
    /// Not as it should be.
    Wrong(String),
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    replayed: BTreeMap<Way, (u32, u32)>,
    kinds: BTreeMap<&'static str, u32>,
    untyped: BTreeMap<String, Vec<String>>,
    impossible: BTreeMap<String, Vec<String>>,
    wrong: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, exchange: &Exchange, fate: Fate) {
        let name = exchange.name.clone();
        match fate {
            Fate::Replayed(way, error) => {
                let (good, bad) = self.replayed.entry(way).or_default();
                match error {
                    None => *good += 1,
                    Some(kind) => {
                        *bad += 1;
                        *self.kinds.entry(kind.code()).or_default() += 1;
                    }
                }
                if way == Way::Raw {
                    self.untyped.entry(exchange.asked()).or_default().push(name);
                }
            }
            Fate::Impossible(reason) => self.impossible.entry(reason).or_default().push(name),
            Fate::Wrong(why) => self
                .wrong
                .push(format!("{name} ({}): {why}", exchange.asked())),
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }

    pub(crate) fn print(&self, folder: &Path) {
        println!("replay of {}", folder.display());
        let untyped: usize = self.untyped.values().map(Vec::len).sum();
        println!("\n{untyped} exchanges of calls without a type yet, replayed as raw requests:");
        for (asked, names) in &self.untyped {
            println!("  {asked}: {}", names.join(", "));
        }
        let impossible: usize = self.impossible.values().map(Vec::len).sum();
        println!("\n{impossible} exchanges that the client cannot make:");
        for (reason, names) in &self.impossible {
            println!("  {reason}: {}", names.join(", "));
        }
        println!("\nreplayed:");
        for (way, (good, bad)) in &self.replayed {
            println!("  {way:?}: {good} answers, {bad} errors");
        }
        let kinds: Vec<String> = self.kinds.iter().map(|(k, n)| format!("{k} {n}")).collect();
        println!("  kinds of errors: {}", kinds.join(", "));
        if !self.wrong.is_empty() {
            println!("\n{} exchanges went wrong:", self.wrong.len());
            for line in &self.wrong {
                println!("  {line}");
            }
        }
        let passed: u32 = self.replayed.values().map(|(good, bad)| good + bad).sum();
        let state = if self.is_good() { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {state}. {passed} passed; {} failed; {impossible} ignored; 0 measured; 0 filtered out",
            self.wrong.len()
        );
    }
}
