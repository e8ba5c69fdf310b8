//! What a lock is made of, and the two hashes that follow from it.

use near_env as env;
use near_env::borsh::{Decoder, Encoder};
use near_env::{AccountId, Amount, Bytes32, Nanoseconds};
use serde::{Deserialize, Serialize};

const ID_DOMAIN: &str = "1balancer-htlc-v1";

/// `token` is `None` for NEAR itself; it has to be named even then.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockParameters {
    pub depositor: AccountId,
    pub beneficiary: AccountId,
    #[serde(deserialize_with = "Option::deserialize")]
    pub token: Option<AccountId>,
    pub amount: Amount,
    pub hashlock: Bytes32,
    pub lock_by: Nanoseconds,
    pub timelock: Nanoseconds,
}

impl LockParameters {
    /// Refuses what could never be paid out rightly, whatever happens later.
    pub fn validate(&self, contract: &AccountId) {
        env::require(self.amount.0 > 0, || "E_BAD_ARGUMENTS: amount is 0".to_string());
        env::require(self.lock_by.0 <= self.timelock.0, || {
            format!(
                "E_BAD_ARGUMENTS: lock_by {} is after timelock {}",
                self.lock_by.0, self.timelock.0
            )
        });
        let parties = [Some(&self.depositor), Some(&self.beneficiary), self.token.as_ref()];
        env::require(!parties.contains(&Some(contract)), || {
            format!("E_BAD_ARGUMENTS: {} can be no party of its own lock", contract)
        });
    }

    pub fn id(&self, chain_id: &str, contract: &AccountId) -> Bytes32 {
        let domain = Encoder::new().string(ID_DOMAIN).string(chain_id).account(contract);
        env::sha256(&self.encode(domain).finish())
    }

    /// What a depositor can use once: `sha256(borsh((depositor, token, hashlock)))`.
    pub fn index(&self) -> Bytes32 {
        let parts = Encoder::new()
            .account(&self.depositor)
            .option(self.token.as_ref(), Encoder::account)
            .bytes32(&self.hashlock);
        env::sha256(&parts.finish())
    }

    pub fn encode(&self, encoder: Encoder) -> Encoder {
        encoder
            .account(&self.depositor)
            .account(&self.beneficiary)
            .option(self.token.as_ref(), Encoder::account)
            .u128(self.amount.0)
            .bytes32(&self.hashlock)
            .u64(self.lock_by.0)
            .u64(self.timelock.0)
    }

    pub fn decode(decoder: &mut Decoder) -> Option<Self> {
        Some(LockParameters {
            depositor: decoder.account()?,
            beneficiary: decoder.account()?,
            token: decoder.option(Decoder::account)?,
            amount: Amount(decoder.u128()?),
            hashlock: decoder.bytes32()?,
            lock_by: Nanoseconds(decoder.u64()?),
            timelock: Nanoseconds(decoder.u64()?),
        })
    }
}
