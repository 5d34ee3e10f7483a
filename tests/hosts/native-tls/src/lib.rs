//! An application with the TLS of the operating system.

#[cfg(test)]
#[path = "../../host.rs"]
mod host;

#[cfg(test)]
mod tests {
    use crate::host;

    #[tokio::test]
    async fn the_reqwest_client_keeps_its_tls() {
        let error = host::call_with_each_client().await;
        // "tls handshake eof" is an error of rustls.
        assert!(!error.contains("tls handshake eof") && !error.contains("scheme is not http"), "{error}");
    }
}
