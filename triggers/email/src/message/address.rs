//! Addresses in a header (RFC 5322 §3.4). What must hold: mailparse reads them before their words are decoded, so that no encoded comma makes another recipient.

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;
use mailparse::{MailAddr, MailHeader, addrparse_header};

use super::field::{Head, one_line};

/// How many addresses are listed.
const MAX_ADDRESSES: usize = 1_000;

/// An address with the name before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) name: Option<String>,
    pub(super) address: String,
}

/// The addresses in all fields of this name.
pub(super) fn addresses(head: &Head<'_>, name: &str) -> Vec<Address> {
    let mut all = Vec::new();
    for field in head.fields.iter().filter(|field| field.is(name)) {
        all.extend(field.with_header(&mut true, read));
        all.truncate(MAX_ADDRESSES);
    }
    all
}

fn read(header: &MailHeader<'_>) -> Vec<Address> {
    let Ok(list) = addrparse_header(header) else { return read_again(header.get_value_raw()) };
    let mut all = Vec::new();
    for entry in list.into_inner() {
        match entry {
            MailAddr::Single(one) => all.push((one.display_name, one.addr)),
            MailAddr::Group(group) => {
                all.extend(group.addrs.into_iter().map(|one| (one.display_name, one.addr)));
            }
        }
    }
    all.into_iter().map(|(name, address)| clean(name.as_deref(), &address)).collect()
}

/// mail-parser's reading, of what mailparse takes for broken.
fn read_again(raw: &[u8]) -> Vec<Address> {
    let mut ended = raw.to_vec();
    ended.push(b'\n');
    let HeaderValue::Address(list) = MessageStream::new(&ended).parse_address() else { return Vec::new() };
    let some = list.iter().filter(|one| one.address.as_ref().is_some_and(|a| a.contains('@')));
    some.map(|one| clean(one.name.as_deref(), one.address.as_deref().unwrap_or_default())).collect()
}

fn clean(name: Option<&str>, address: &str) -> Address {
    let name = name.map(|name| one_line(name.trim())).filter(|name| !name.is_empty());
    Address { name, address: one_line(address.trim()) }
}
