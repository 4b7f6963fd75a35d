//! The report: orders summed up per customer. What must hold: the same orders give the same report, whatever their
//! order, so that a retry posts the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What of a stored order the report needs; `order-intake` writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StoredOrder {
    /// Who ordered.
    pub customer: String,
    /// The order's total, in cents.
    pub total_cents: u64,
}

/// Stored orders, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many orders.
    pub orders: u64,
    /// All of them, in cents.
    pub total_cents: u64,
    /// How many entries of the store were no orders and are left out.
    pub unreadable: u64,
    /// Per customer, by name.
    pub customers: BTreeMap<String, Customer>,
}

/// One customer's orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// How many.
    pub orders: u64,
    /// All of them, in cents.
    pub total_cents: u64,
}

impl Report {
    /// Counts an order in.
    pub fn add(&mut self, order: StoredOrder) {
        let customer = self.customers.entry(order.customer).or_default();
        customer.orders += 1;
        // A sum beyond 180 quadrillion is wrong anyway; it must not end the report.
        customer.total_cents = customer.total_cents.saturating_add(order.total_cents);
        self.orders += 1;
        self.total_cents = self.total_cents.saturating_add(order.total_cents);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(customer: &str, total_cents: u64) -> StoredOrder {
        StoredOrder { customer: customer.to_owned(), total_cents }
    }

    #[test]
    fn orders_are_summed_up_per_customer_whatever_their_order() {
        let orders = [order("Jane", 100), order("Ali", 7), order("Jane", 20)];
        let mut report = Report::default();
        orders.iter().cloned().for_each(|o| report.add(o));
        assert_eq!((report.orders, report.total_cents), (3, 127));
        assert_eq!(report.customers["Jane"], Customer { orders: 2, total_cents: 120 });

        let mut reversed = Report::default();
        orders.into_iter().rev().for_each(|o| reversed.add(o));
        assert_eq!(report, reversed);
    }
}
