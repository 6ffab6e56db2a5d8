//! How long to wait between two looks at something that takes its time.

use std::time::Duration;

use tokio::time::sleep;

/// The first pause: what is quick is seen at once.
const FIRST: Duration = Duration::from_millis(10);

/// Pauses that grow by half each time: a short wait costs little time, a long one few requests.
#[derive(Debug)]
pub struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Pauses of at most so long.
    #[must_use]
    pub fn up_to(longest: Duration) -> Self {
        Self {
            next: FIRST.min(longest),
            longest,
        }
    }

    /// Waits for the next one.
    pub async fn pause(&mut self) {
        sleep(self.next()).await;
    }

    fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause + pause / 2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_to_the_longest() {
        let mut pauses = Pauses::up_to(Duration::from_millis(500));
        let all: Vec<u128> = (0..12).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(all[..3], [10, 15, 22]);
        assert_eq!(all[10..], [500, 500]);
        // Few more requests than with the longest pause from the start.
        assert!(all[..10].iter().sum::<u128>() > 1000);
    }
}
