//! What tokens may be signed with: the asymmetric algorithms of RFC 7518 and RFC 8037 that `ring` checks.

use ring::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// One of them, named as in RFC 7518; the last is another name of the one before (RFC 9864).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
    Ed25519,
}

/// The kind of key that an algorithm needs, with what `ring` calls the algorithm.
#[derive(Clone, Copy)]
pub(super) enum Needs {
    Rsa(&'static RsaParameters),
    /// A point on the curve of this name.
    Ec(&'static str, &'static EcdsaVerificationAlgorithm),
    Ed25519,
}

impl Algorithm {
    /// Every one, in the order of [`names`](Self::names).
    pub(crate) const ALL: [Algorithm; 10] = [
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
        Algorithm::Ed25519,
    ];

    /// Its name in a header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Ed25519 => "Ed25519",
        }
    }

    /// The one of a name, if it is taken.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// All names, for messages.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    pub(super) fn needs(self) -> Needs {
        match self {
            Algorithm::Rs256 => Needs::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => Needs::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => Needs::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => Needs::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => Needs::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => Needs::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => Needs::Ec("P-256", &signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => Needs::Ec("P-384", &signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDsa | Algorithm::Ed25519 => Needs::Ed25519,
        }
    }

    /// The hash of the algorithm, which `at_hash` of an ID token is made with (OpenID Connect Core section 3.1.3.6).
    pub(crate) fn digest(self) -> &'static ring::digest::Algorithm {
        match self {
            Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256 => &ring::digest::SHA256,
            Algorithm::Rs384 | Algorithm::Ps384 | Algorithm::Es384 => &ring::digest::SHA384,
            // Ed25519 hashes with SHA-512 itself.
            Algorithm::Rs512 | Algorithm::Ps512 | Algorithm::EdDsa | Algorithm::Ed25519 => &ring::digest::SHA512,
        }
    }
}
