//! Large jobs side by side, each thread at one of them at a time. Unlike jobs of rayon, which a
//! thread that waits begins beside the one it waits for, so that more of them are in memory than
//! there are threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does the jobs `0..count`, in no particular order; after a failure no further one is begun.
///
/// # Errors
/// That of the first job that failed, by number.
pub fn each<E: Send>(count: usize, job: impl Fn(usize) -> Result<(), E> + Sync) -> Result<(), E> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count || failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            if let Err(e) = job(n) {
                failed.store(true, Ordering::Relaxed);
                return Err((n, e));
            }
        }
    };
    let threads = rayon::current_num_threads().min(count);
    let mut problems = Vec::new();
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        problems.extend(work().err());
        for other in others {
            match other.join() {
                Ok(done) => problems.extend(done.err()),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    match problems.into_iter().min_by_key(|(n, _)| *n) {
        Some((_, e)) => Err(e),
        None => Ok(()),
    }
}

/// Works on all that `next` gives, one after another, each on any thread; gives the results in the
/// order in which it was given. After a failure nothing further is begun.
///
/// # Errors
/// The first one, in that order.
pub fn stream<S: Send, T: Send, E: Send>(
    mut next: impl FnMut() -> Result<Option<S>, E> + Send,
    work: impl Fn(S) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let Some(first) = next()? else {
        return Ok(Vec::new());
    };
    let second = next();
    if let Ok(None) = second {
        return Ok(vec![work(first)?]);
    }
    let mut begun = vec![second, Ok(Some(first))];
    let mut count = 0;
    let source = Mutex::new(move || {
        count += 1;
        (count, begun.pop().unwrap_or_else(&mut next))
    });
    let done: Mutex<Vec<(u64, Result<T, E>)>> = Mutex::default();
    let ended = AtomicBool::new(false);
    each(rayon::current_num_threads(), |_| {
        while !ended.load(Ordering::Relaxed) {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            // It may have ended while this one waited.
            if ended.load(Ordering::Relaxed) {
                break;
            }
            let (n, given) = source();
            if !matches!(given, Ok(Some(_))) {
                ended.store(true, Ordering::Relaxed);
            }
            drop(source);
            let result = match given {
                Ok(None) => break,
                Ok(Some(given)) => work(given),
                Err(e) => Err(e),
            };
            if result.is_err() {
                ended.store(true, Ordering::Relaxed);
            }
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((n, result));
        }
        Ok::<(), E>(())
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::{each, stream};
    use std::sync::Mutex;

    #[test]
    fn what_is_given_is_worked_on_once_and_comes_back_in_order() {
        for count in [0, 1, 2, 3, 100] {
            let mut given = 0..count;
            let found = stream(|| Ok::<_, u32>(given.next()), |n| Ok(n * 2)).unwrap();
            assert_eq!(found, (0..count).map(|n| n * 2).collect::<Vec<_>>());
            let mut given = 0..count;
            let next = || match given.next() {
                Some(n) if n == count - 1 => Err(n),
                n => Ok(n),
            };
            let expected = if count == 0 {
                Ok(Vec::new())
            } else {
                Err(count - 1)
            };
            assert_eq!(stream(next, Ok), expected);
            let mut given = 0..count;
            let refuse = |n| if n == count / 2 { Err(n) } else { Ok(n) };
            let expected = if count == 0 {
                Ok(Vec::new())
            } else {
                Err(count / 2)
            };
            assert_eq!(stream(|| Ok(given.next()), refuse), expected);
        }
    }

    #[test]
    fn every_job_is_done_once_or_its_failure_is_told() {
        for count in [0, 1, 7, 100] {
            let done = Mutex::new(Vec::new());
            let told = each(count, |n| {
                done.lock().unwrap().push(n);
                Ok::<(), usize>(())
            });
            assert_eq!(told, Ok(()));
            let mut done = done.into_inner().unwrap();
            done.sort_unstable();
            assert_eq!(done, (0..count).collect::<Vec<_>>());
        }
        assert_eq!(each(9, |n| if n == 4 { Err(n) } else { Ok(()) }), Err(4));
    }
}
