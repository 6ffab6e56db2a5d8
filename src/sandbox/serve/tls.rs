//! TLS with a certificate authority of the sandbox's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, pki_types::PrivateKeyDer},
};

/// An authority, and what it lets the server prove.
#[derive(Clone)]
pub struct Authority {
    /// The authority's certificate, in PEM: what a kubeconfig trusts.
    pub certificate: String,
    acceptor: TlsAcceptor,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be made.
    #[error("the sandbox's certificate can't be made: {0}")]
    Made(#[from] rcgen::Error),
    /// It can't be used.
    #[error("the sandbox's certificate can't be used: {0}")]
    Used(#[from] rustls::Error),
}

impl Authority {
    /// A new authority, with a certificate for the loopback addresses.
    pub fn new() -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "ccnr sandbox");
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        let names = ["127.0.0.1", "::1", "localhost"].map(str::to_owned);
        let own_key = KeyPair::generate()?;
        let own = CertificateParams::new(names)?.signed_by(&own_key, &issuer)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![own.der().clone()],
                PrivateKeyDer::Pkcs8(own_key.serialize_der().into()),
            )?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            certificate,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    /// What connections are taken with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}
