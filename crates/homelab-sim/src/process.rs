//! What goes on in the lab by itself: tasks, boots, managers. A process waits
//! for the lab's time and for changes of the world, and for nothing else.
//!
//! Processes are not tasks of the async runtime. Whoever changes the world, or
//! moves its time, runs those that this wakes, one after the other, before
//! going on. So what follows from a call has followed before the next call,
//! and a run with a stopped clock happens in the same order every time.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::task::{Context, Wake, Waker};

use tokio::sync::Notify;

type Process = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Everything that goes on in one lab.
#[derive(Clone, Default)]
pub(crate) struct Processes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Held by whoever runs them.
    running: Mutex<BTreeMap<u64, Process>>,
    new: Mutex<New>,
    ready: Mutex<VecDeque<u64>>,
    woken: Notify,
}

/// Processes that have not run yet.
#[derive(Default)]
struct New {
    serial: u64,
    waiting: Vec<(u64, Process)>,
    closed: bool,
}

impl Processes {
    /// Starts a process. It runs as far as it gets before this returns, unless
    /// another process starts it: then it has its turn next.
    pub(crate) fn spawn(&self, process: impl Future<Output = ()> + Send + 'static) {
        let mut new = lock(&self.0.new);
        if new.closed {
            return;
        }
        new.serial += 1;
        let id = new.serial;
        // The runtime would put off what wakes often within one of its own
        // tasks, and so whatever happens late in a long step of the clock.
        new.waiting
            .push((id, Box::pin(tokio::task::unconstrained(process))));
        drop(new);
        lock(&self.0.ready).push_back(id);
        self.run_ready();
    }

    /// Runs all that can go on, unless somebody is doing that already.
    pub(crate) fn run_ready(&self) {
        loop {
            let mut running = match self.0.running.try_lock() {
                Ok(running) => running,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Whoever holds it looks again before it goes.
                Err(TryLockError::WouldBlock) => return,
            };
            while let Some(id) = self.next() {
                running.extend(std::mem::take(&mut lock(&self.0.new).waiting));
                let Some(process) = running.get_mut(&id) else {
                    continue;
                };
                let waker = Waker::from(Arc::new(Bell {
                    id,
                    processes: Arc::downgrade(&self.0),
                }));
                let ended = process.as_mut().poll(&mut Context::from_waker(&waker));
                if ended.is_ready() {
                    running.remove(&id);
                }
            }
            drop(running);
            if lock(&self.0.ready).is_empty() {
                return;
            }
        }
    }

    /// Completes when something woke that nobody ran yet.
    pub(crate) async fn woken(&self) {
        self.0.woken.notified().await;
    }

    /// Drops them all, and whatever would start later.
    pub(crate) fn close(&self) {
        let mut new = lock(&self.0.new);
        new.closed = true;
        let waiting = std::mem::take(&mut new.waiting);
        drop(new);
        let running = std::mem::take(&mut *lock(&self.0.running));
        // Dropped last: their ends may want any of the locks.
        drop((waiting, running));
    }

    fn next(&self) -> Option<u64> {
        lock(&self.0.ready).pop_front()
    }
}

/// Wakes one process.
struct Bell {
    id: u64,
    processes: Weak<Inner>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(processes) = self.processes.upgrade() {
            let mut ready = lock(&processes.ready);
            if !ready.contains(&self.id) {
                ready.push_back(self.id);
            }
            drop(ready);
            processes.woken.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::SimClock;
    use crate::world::{World, WorldSeed};

    fn world() -> World {
        World::new(&WorldSeed::default(), SimClock::paused()).unwrap()
    }

    fn noted(notes: &Arc<Mutex<Vec<String>>>) -> Vec<String> {
        lock(notes).clone()
    }

    #[test]
    fn they_wake_in_the_order_of_their_deadlines() {
        let world = world();
        let notes: Arc<Mutex<Vec<String>>> = Arc::default();
        for (name, seconds) in [("late", 3), ("early", 1), ("early too", 1), ("middle", 2)] {
            let (inner, notes) = (world.clone(), Arc::clone(&notes));
            world.spawn(async move {
                lock(&notes).push(format!("{name} starts"));
                inner.sleep(Duration::from_secs(seconds)).await;
                lock(&notes).push(name.to_owned());
            });
        }
        assert_eq!(noted(&notes).len(), 4, "they start at once");
        world.advance(Duration::from_secs(1));
        assert_eq!(noted(&notes)[4..], ["early", "early too"]);
        world.advance(Duration::from_secs(9));
        assert_eq!(noted(&notes)[6..], ["middle", "late"]);
    }

    #[tokio::test]
    async fn a_long_step_takes_all_that_wake_often_along() {
        let world = world();
        let (inner, count) = (world.clone(), Arc::new(Mutex::new(0)));
        let counted = Arc::clone(&count);
        world.spawn(async move {
            let mut changes = inner.subscribe();
            while changes.changed().await.is_ok() {
                *lock(&counted) += 1;
            }
        });
        let inner = world.clone();
        world.spawn(async move {
            for _ in 0..1000 {
                inner.sleep(Duration::from_secs(1)).await;
                inner.change(|_| ());
            }
        });
        world.advance(Duration::from_secs(1000));
        assert_eq!(*lock(&count), 1000);
    }

    #[test]
    fn each_sees_its_own_moment_even_when_time_leaps() {
        let world = world();
        let moments: Arc<Mutex<Vec<u64>>> = Arc::default();
        let (inner, seen) = (world.clone(), Arc::clone(&moments));
        world.spawn(async move {
            for _ in 0..3 {
                inner.sleep(Duration::from_secs(10)).await;
                let elapsed = homelab_core::Clock::elapsed(inner.clock());
                lock(&seen).push(elapsed.as_secs());
            }
        });
        world.advance(Duration::from_secs(100));
        assert_eq!(*lock(&moments), [10, 20, 30]);
    }

    #[test]
    fn a_change_is_followed_before_it_returns() {
        let world = world();
        let notes: Arc<Mutex<Vec<String>>> = Arc::default();
        let (inner, follower) = (world.clone(), Arc::clone(&notes));
        world.spawn(async move {
            let mut changes = inner.subscribe();
            changes.borrow_and_update();
            while changes.changed().await.is_ok() {
                lock(&follower).push(inner.read(|s| s.lab.clone()));
            }
        });
        world.change(|s| s.lab = "one".into());
        world.change(|s| s.lab = "two".into());
        assert_eq!(noted(&notes), ["one", "two"]);
    }

    #[test]
    fn they_end_with_the_lab() {
        struct Ends(Arc<Mutex<Vec<String>>>);
        impl Drop for Ends {
            fn drop(&mut self) {
                lock(&self.0).push("dropped".into());
            }
        }
        let world = world();
        let notes: Arc<Mutex<Vec<String>>> = Arc::default();
        let (inner, ends) = (world.clone(), Ends(Arc::clone(&notes)));
        world.spawn(async move {
            let _ends = ends;
            inner.sleep(Duration::from_secs(1)).await;
        });
        world.close();
        assert_eq!(noted(&notes), ["dropped"]);
        world.spawn(async { unreachable!("it is closed") });
        world.advance(Duration::from_secs(2));
    }
}
