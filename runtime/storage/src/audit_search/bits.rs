//! Which entries of a block: a set of places, and its two stored forms. What must hold: a form that this program did not write reads
//! as an error, never as another set.

use super::BLOCK;

const WORDS: usize = BLOCK / 64;
const BITMAP_BYTES: usize = BLOCK / 8;

/// A set of places in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits(Box<[u64; WORDS]>);

impl Bits {
    pub(super) fn none() -> Self {
        Self(Box::new([0; WORDS]))
    }

    /// The first `n` places.
    pub(super) fn first(n: usize) -> Self {
        let mut bits = Self::none();
        (0..n.min(BLOCK)).for_each(|place| bits.set(place));
        bits
    }

    pub(super) fn set(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    pub(super) fn clear(&mut self, place: usize) {
        self.0[place / 64] &= !(1 << (place % 64));
    }

    pub(super) fn unite(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(a, b)| *a |= b);
    }

    pub(super) fn intersect(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(a, b)| *a &= b);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The places, the last one first.
    pub(super) fn descending(&self) -> impl Iterator<Item = usize> + '_ {
        (0..WORDS).rev().flat_map(|index| {
            let mut word = self.0[index];
            std::iter::from_fn(move || {
                let bit = 63_usize.checked_sub(word.leading_zeros() as usize)?;
                word &= !(1 << bit);
                Some(index * 64 + bit)
            })
        })
    }

    /// As it is stored: a list of places, two bytes each, or one bit per place where that is shorter.
    pub(super) fn store(&self) -> Vec<u8> {
        if self.len() * 2 < BITMAP_BYTES {
            let mut places: Vec<usize> = self.descending().collect();
            places.reverse();
            places.into_iter().flat_map(|place| (place as u16).to_le_bytes()).collect()
        } else {
            self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
        }
    }

    /// Reads what [`store`](Self::store) wrote.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut bits = Self::none();
        if bytes.len() == BITMAP_BYTES {
            for (word, bytes) in bits.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            return Some(bits);
        }
        let (places, rest) = bytes.as_chunks::<2>();
        if !rest.is_empty() || bytes.len() > BITMAP_BYTES {
            return None;
        }
        for place in places {
            let place = usize::from(u16::from_le_bytes(*place));
            if place >= BLOCK {
                return None;
            }
            bits.set(place);
        }
        Some(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_in_both_forms() {
        for step in [1, 2, 15, 16, 17, 100, 5000] {
            let mut bits = Bits::none();
            (0..BLOCK).step_by(step).for_each(|place| bits.set(place));
            let stored = bits.store();
            assert!(stored.len() <= BITMAP_BYTES);
            assert_eq!(Bits::read(&stored), Some(bits.clone()), "each {step}th");
            let mut expected: Vec<_> = (0..BLOCK).step_by(step).collect();
            expected.reverse();
            assert_eq!(bits.descending().collect::<Vec<_>>(), expected);
            assert_eq!(bits.len(), expected.len());
        }
        assert_eq!(Bits::first(BLOCK).len(), BLOCK);
        assert_eq!(Bits::read(&[0]), None);
        assert_eq!(Bits::read(&[255, 255]), None);
    }
}
