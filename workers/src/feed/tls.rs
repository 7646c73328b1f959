//! The provider of cryptography.

use std::sync::Once;

/// With two providers of cryptography in the program, TLS panics unless one is chosen (docs/decisions/0002).
pub fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error only says that one is chosen already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}
