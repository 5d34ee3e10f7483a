//! An application that installs a rustls provider of its own for its whole process.

#[cfg(test)]
#[path = "../../host.rs"]
mod host;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};

    use crate::host;

    static CALLS: AtomicUsize = AtomicUsize::new(0);

    /// The random numbers of ring. Counts the calls, which shows whether a connection uses the provider.
    #[derive(Debug)]
    struct CountedRandom;

    impl SecureRandom for CountedRandom {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
            CALLS.fetch_add(1, Ordering::Relaxed);
            ring::default_provider().secure_random.fill(bytes)
        }
    }

    #[tokio::test]
    async fn the_provider_is_used_by_reqwest_and_not_by_codat_keys() {
        host::call_with_codat_keys().await;
        assert!(CryptoProvider::get_default().is_none(), "codat-keys installed a provider");
        CryptoProvider { secure_random: &CountedRandom, ..ring::default_provider() }.install_default().unwrap();
        let error = host::call_with_reqwest(reqwest::Client::builder().build().unwrap()).await;
        assert!(error.contains("tls handshake eof"), "{error}");
        let calls = CALLS.load(Ordering::Relaxed);
        assert!(calls > 0);
        host::call_with_codat_keys().await;
        assert_eq!(CALLS.load(Ordering::Relaxed), calls);
        host::call_with_own_client(reqwest::Client::builder).await;
        assert!(CALLS.load(Ordering::Relaxed) > calls);
    }
}
