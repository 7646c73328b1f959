//! Panics of a library on bad input, where it has no other answer. They are caught, and nothing is printed of them: the input
//! may come again and again.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Calls what may panic; `None` when it did.
pub fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    EXPECTED.set(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    EXPECTED.set(false);
    result.ok()
}

/// From now on panics that are [`caught`] are not printed. A second call changes nothing.
pub fn keep_caught_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                tell(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_caught_is_expected() {
        assert_eq!(caught(|| EXPECTED.get()), Some(true));
        assert_eq!(caught(|| -> u8 { panic!("as a library may") }), None);
        assert!(!EXPECTED.get());
    }
}
