//! The signature of a webhook.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::config::Secret;

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body` in Base64. A secret that begins with `whsec_` is Base64 after it;
/// any other is taken as it is.
#[must_use]
pub fn sign(secret: &Secret, id: &str, timestamp: i64, body: &str) -> String {
    let text = secret.expose();
    let key = text
        .strip_prefix("whsec_")
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| text.as_bytes().to_vec());
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_signature_of_the_specifications_example() {
        let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = "{\"test\": 2432232314}";
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn another_body_time_or_secret_has_another_signature() {
        let sign =
            |secret: &str, at, body| sign(&Secret::from(secret.to_owned()), "evt_1", at, body);
        let one = sign("0123456789abcdef", 1, "{}");
        assert_ne!(one, sign("0123456789abcdeg", 1, "{}"));
        assert_ne!(one, sign("0123456789abcdef", 2, "{}"));
        assert_ne!(one, sign("0123456789abcdef", 1, "{ }"));
    }
}
