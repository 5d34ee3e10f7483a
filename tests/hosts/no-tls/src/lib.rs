//! An application that uses reqwest without TLS. codat-keys must not make its client panic.

#[cfg(test)]
#[path = "../../host.rs"]
mod host;

#[cfg(test)]
mod tests {
    use crate::host;

    #[tokio::test]
    async fn the_reqwest_client_is_built() {
        // The TLS of codat-keys, because cargo unifies the features of reqwest.
        let error = host::call_with_each_client().await;
        assert!(error.contains("tls handshake eof"), "{error}");
    }
}
