//! What an operator lets a script have. Absent means denied; two policies meet in their intersection.

use crate::limits::Limits;
use crate::protection::Protection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The policy of one container: from the operator's file, the image or bundle, and the annotation
/// `dev.vnh1.policy`, brought together with [`Policy::intersect`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What the script may use up.
    #[serde(default)]
    pub limits: Limits,
    /// Protections without which the container must not start.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub require: BTreeSet<Protection>,
    /// Run without the just-in-time compiler and WebAssembly; the run filter then refuses executable memory.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub jitless: bool,
    /// Size in bytes of a private, empty `/tmp` in memory. Absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tmp_bytes: Option<u64>,
}

/// Longest policy text in bytes.
pub const MAX_POLICY_BYTES: usize = 1 << 20;

impl Policy {
    /// What both sides allow, and no more.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            limits: self.limits.intersect(&other.limits),
            require: self.require.union(&other.require).copied().collect(),
            jitless: self.jitless || other.jitless,
            tmp_bytes: match (self.tmp_bytes, other.tmp_bytes) {
                (Some(a), Some(b)) => Some(a.min(b)),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::tests::any_limits;
    use proptest::prelude::*;

    fn any_policy() -> impl Strategy<Value = Policy> {
        let require = proptest::collection::btree_set(proptest::sample::select(&Protection::ALL[..]), 0..4);
        (any_limits(), require, any::<bool>(), proptest::option::of(0_u64..1 << 32))
            .prop_map(|(limits, require, jitless, tmp_bytes)| Policy { limits, require, jitless, tmp_bytes })
    }

    proptest! {
        #[test]
        fn intersection_only_tightens(a in any_policy(), b in any_policy()) {
            let both = a.intersect(&b);
            prop_assert_eq!(&both, &b.intersect(&a));
            for side in [&a, &b] {
                prop_assert!(both.require.is_superset(&side.require));
                prop_assert!(both.jitless || !side.jitless);
                prop_assert!(both.tmp_bytes.is_none_or(|size| side.tmp_bytes.is_some_and(|most| size <= most)));
            }
            prop_assert_eq!(&both.intersect(&both), &both);
        }

        #[test]
        fn json_goes_there_and_back(policy in any_policy()) {
            let text = serde_json::to_string(&policy).unwrap();
            prop_assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = serde_json::from_str::<Policy>(r#"{"bindngs": {}}"#).unwrap_err().to_string();
        assert!(error.contains("bindngs"), "{error}");
    }
}
