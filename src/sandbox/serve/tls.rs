//! TLS with a certificate authority of the sandbox's own, which also vouches for users.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer},
        server::{VerifierBuilderError, WebPkiClientVerifier},
    },
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::sandbox::authz::User;

/// An authority, and what it lets the server prove.
pub struct Authority {
    /// The authority's certificate, in PEM: what a kubeconfig trusts.
    pub certificate: String,
    /// Its private key, in PEM.
    pub key: String,
    issuer: Issuer<'static, KeyPair>,
    acceptor: TlsAcceptor,
}

/// A certificate with its private key, both in PEM.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
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
    /// It can't be used to know clients by.
    #[error("the sandbox's certificate can't be used for clients: {0}")]
    Verified(#[from] VerifierBuilderError),
}

impl Authority {
    /// A new authority, with a certificate for the loopback addresses.
    pub fn new() -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let certificate = params().self_signed(&key)?.pem();
        Self::of(certificate, key)
    }

    /// An authority that was made earlier, with a new certificate for the loopback addresses.
    pub fn load(certificate: String, key: &str) -> Result<Self, Error> {
        Self::of(certificate, KeyPair::from_pem(key)?)
    }

    fn of(certificate: String, key: KeyPair) -> Result<Self, Error> {
        let own = key.serialize_pem();
        let issuer = Issuer::new(params(), key);
        let acceptor = acceptor(&certificate, &issuer)?;
        Ok(Self {
            certificate,
            key: own,
            issuer,
            acceptor,
        })
    }

    /// A certificate by which the server knows a user, in the first of their groups.
    pub fn client(&self, user: &User) -> Result<Credential, Error> {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, user.name.as_str());
        if let Some(group) = user.groups.first() {
            name.push(DnType::OrganizationName, group.as_str());
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Credential {
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// What connections are taken with.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "ccnr sandbox");
    params
}

fn acceptor(certificate: &str, issuer: &Issuer<'static, KeyPair>) -> Result<TlsAcceptor, Error> {
    use rustls::pki_types::pem::PemObject as _;
    let names = ["127.0.0.1", "::1", "localhost"].map(str::to_owned);
    let own_key = KeyPair::generate()?;
    let own = CertificateParams::new(names)?.signed_by(&own_key, issuer)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        CertificateDer::pem_slice_iter(certificate.as_bytes()).filter_map(Result::ok),
    );
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![own.der().clone()],
            PrivateKeyDer::Pkcs8(own_key.serialize_der().into()),
        )?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The user that a certificate, which was verified, is of: its common name, and its organizations as groups.
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#x509-client-certificates>
pub(super) fn user(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let subject = parsed.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups = subject.iter_organization();
    let groups: Vec<&str> = groups.filter_map(|g| g.as_str().ok()).collect();
    Some(User::named(name, &groups))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_user_is_known_by_their_certificate() {
        let authority = Authority::new().unwrap();
        let again = Authority::load(authority.certificate.clone(), &authority.key).unwrap();
        let given = again.client(&User::admin("sato")).unwrap();
        let der = CertificateDer::from_pem_slice(given.certificate.as_bytes()).unwrap();
        let known = user(&der).unwrap();
        assert_eq!(known.name, "sato");
        assert!(known.groups.contains(&"system:masters".to_owned()));
    }
}
