//! Large jobs side by side, each thread at one of them at a time. Unlike jobs of rayon, which a
//! thread that waits begins beside the one it waits for, so that more of them are in memory than
//! there are threads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

#[cfg(test)]
mod tests {
    use super::each;
    use std::sync::Mutex;

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
