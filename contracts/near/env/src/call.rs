//! A call's arguments, its refusals, its answer and its events.

use crate::{context, sys};
use serde::{de::DeserializeOwned, Serialize};

/// Stops the call: every change is undone and the attached deposit goes back to the caller.
pub fn panic(message: &str) -> ! {
    unsafe { sys::panic_utf8(message.len() as u64, message.as_ptr() as u64) }
}

/// The call's arguments, which must be one JSON object: serde alone would take an array too.
pub fn arguments<T: DeserializeOwned>() -> T {
    let input = context::input();
    let first = input.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        panic("E_BAD_ARGUMENTS: expected a JSON object");
    }
    match serde_json::from_slice(&input) {
        Ok(arguments) => arguments,
        Err(error) => panic(&format!("E_BAD_ARGUMENTS: {}", error)),
    }
}

/// For methods that take no money.
pub fn refuse_deposit() {
    let given = context::attached_deposit();
    if given != 0 {
        panic(&format!("E_DEPOSIT: attached {} yocto, attach nothing", given));
    }
}

pub fn return_json<T: Serialize>(value: &T) {
    let json = to_json(value);
    unsafe { sys::value_return(json.len() as u64, json.as_ptr() as u64) }
}

/// Logs a NEP-297 event whose data is a list of this one entry.
pub fn event<T: Serialize>(standard: &str, version: &str, name: &str, data: &T) {
    let line = format!(
        r#"EVENT_JSON:{{"standard":"{}","version":"{}","event":"{}","data":[{}]}}"#,
        standard,
        version,
        name,
        to_json(data)
    );
    unsafe { sys::log_utf8(line.len() as u64, line.as_ptr() as u64) }
}

/// Our values are structs of strings, numbers and booleans, for which serde_json can't fail;
/// an empty text instead of a panic keeps callbacks free of panics even so.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
