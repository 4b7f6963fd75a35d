//! An order: its form, its rules and its total. What must hold: a refusal names the field at fault, and a total is
//! exact or refused. No host is needed here, so all of it is tested natively.

use serde::{Deserialize, Serialize};

/// The longest order id and SKU, in bytes: an id becomes a key of the store.
pub const MAX_ID_BYTES: usize = 64;
/// The longest customer's name, in bytes.
pub const MAX_CUSTOMER_BYTES: usize = 200;
/// The most lines.
pub const MAX_LINES: usize = 1000;
/// The most pieces in one line.
pub const MAX_QUANTITY: u32 = 1_000_000;

/// An order as it comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the field's name in JSON")]
pub struct Order {
    /// The sender's id for it.
    pub order_id: String,
    /// Who orders.
    pub customer: String,
    /// What is ordered.
    pub lines: Vec<Line>,
}

/// One article of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which article.
    pub sku: String,
    /// How many pieces.
    pub quantity: u32,
    /// Of one piece, in cents.
    pub unit_price_cents: u64,
}

/// Why an order is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {fault}")]
pub struct Refusal {
    /// Which field: `lines[0].quantity`.
    pub field: String,
    /// What is wrong with it.
    pub fault: String,
}

fn refuse<T>(field: impl Into<String>, fault: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { field: field.into(), fault: fault.into() })
}

impl Order {
    /// Checks the order and gives its total in cents.
    pub fn check(&self) -> Result<u64, Refusal> {
        check_id("order_id", &self.order_id)?;
        if self.customer.trim().is_empty() {
            return refuse("customer", "must not be empty");
        }
        if self.customer.len() > MAX_CUSTOMER_BYTES {
            return refuse("customer", format!("must not have more than {MAX_CUSTOMER_BYTES} bytes"));
        }
        if self.lines.is_empty() {
            return refuse("lines", "must not be empty");
        }
        if self.lines.len() > MAX_LINES {
            return refuse("lines", format!("must not have more than {MAX_LINES} entries"));
        }
        let mut total_cents = 0_u64;
        for (at, line) in self.lines.iter().enumerate() {
            check_id(&format!("lines[{at}].sku"), &line.sku)?;
            if !(1..=MAX_QUANTITY).contains(&line.quantity) {
                return refuse(
                    format!("lines[{at}].quantity"),
                    format!("is {}: must lie between 1 and {MAX_QUANTITY}", line.quantity),
                );
            }
            let sum = line
                .unit_price_cents
                .checked_mul(u64::from(line.quantity))
                .and_then(|cents| cents.checked_add(total_cents));
            match sum {
                Some(sum) => total_cents = sum,
                None => {
                    return refuse(
                        format!("lines[{at}].unit_price_cents"),
                        "makes the total larger than can be stored",
                    );
                }
            }
        }
        Ok(total_cents)
    }
}

fn check_id(field: &str, id: &str) -> Result<(), Refusal> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(fine) {
        return refuse(field, format!("must be 1 to {MAX_ID_BYTES} letters, digits, `-`, `_` or `.`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(lines: &[(&str, u32, u64)]) -> Order {
        let line = |(sku, quantity, unit_price_cents): &(&str, u32, u64)| Line {
            sku: (*sku).to_owned(),
            quantity: *quantity,
            unit_price_cents: *unit_price_cents,
        };
        Order { order_id: "A-1".into(), customer: "Jane".into(), lines: lines.iter().map(line).collect() }
    }

    #[test]
    fn an_order_is_totalled() {
        assert_eq!(order(&[("bolt", 100, 12), ("nut", 3, 5)]).check(), Ok(1215));
        assert_eq!(order(&[("sample", 1, 0)]).check(), Ok(0), "a gift");
    }

    #[test]
    fn a_refusal_names_the_field() {
        let field = |order: Order| order.check().expect_err("it is unfit").field;
        assert_eq!(field(order(&[])), "lines");
        assert_eq!(field(order(&[("bolt", 1, 1), ("", 1, 1)])), "lines[1].sku");
        assert_eq!(field(order(&[("bolt", 0, 1)])), "lines[0].quantity");
        assert_eq!(field(order(&[("bolt", MAX_QUANTITY + 1, 1)])), "lines[0].quantity");
        assert_eq!(field(order(&[("bolt", 1, 1), ("gold", 2, u64::MAX)])), "lines[1].unit_price_cents");
        assert_eq!(field(order(&vec![("bolt", 1, 1); MAX_LINES + 1])), "lines");
        assert_eq!(field(Order { order_id: "a/b".into(), ..order(&[("x", 1, 1)]) }), "order_id");
        assert_eq!(field(Order { order_id: "x".repeat(65), ..order(&[("x", 1, 1)]) }), "order_id");
        assert_eq!(field(Order { customer: " ".into(), ..order(&[("x", 1, 1)]) }), "customer");
    }
}
