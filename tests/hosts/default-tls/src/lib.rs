//! An application with the TLS of reqwest's default features, rustls with aws-lc.

#[cfg(test)]
#[path = "../../host.rs"]
mod host;

#[cfg(test)]
mod tests {
    use crate::host;

    #[tokio::test]
    async fn the_reqwest_client_keeps_its_tls() {
        let error = host::call_with_each_client().await;
        assert!(error.contains("tls handshake eof"), "{error}");
    }
}
