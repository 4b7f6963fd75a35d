//! The right edge of a Merkle tree (RFC 6962 §2.1): as much of it as is needed to append leaves and to tell the root. What must hold: it is
//! logarithmic in the size, so that a trail of any length is appended to and checked in bounded memory.

use tlog_tiles::tlog::{EMPTY_HASH, Hash, node_hash};

/// How many levels one stored node spans: a node stands for 256 of the level below.
pub const NODE_LEVELS: u8 = 8;
/// How many children a stored node has.
pub const NODE_WIDTH: u64 = 1 << NODE_LEVELS;

/// The complete subtrees of a tree, the largest first.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<(u8, Hash)>,
}

impl Frontier {
    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf, told by its hash. Each subtree that it completes goes to `completed`: its level (2^level leaves), its index among
    /// those of its level, its hash.
    pub fn append(&mut self, leaf: Hash, completed: impl FnMut(u8, u64, Hash)) {
        self.append_subtree(0, leaf, completed);
    }

    /// Appends a complete subtree of 2^level leaves. The tree before it must be a whole number of such subtrees.
    pub fn append_subtree(&mut self, level: u8, hash: Hash, mut completed: impl FnMut(u8, u64, Hash)) {
        debug_assert!(self.size.is_multiple_of(1 << level), "a subtree of level {level} at {}", self.size);
        self.size += 1 << level;
        let (mut level, mut hash) = (level, hash);
        while let Some((_, left)) = self.subtrees.pop_if(|(own, _)| *own == level) {
            hash = node_hash(left, hash);
            level += 1;
            completed(level, (self.size >> level) - 1, hash);
        }
        self.subtrees.push((level, hash));
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let from_the_right = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        from_the_right.reduce(|right, left| node_hash(left, right)).unwrap_or(EMPTY_HASH)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tlog_tiles::tlog::{self, HashReader, record_hash};

    use super::*;

    struct Stored(Vec<Hash>);

    impl HashReader for Stored {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
            let found = indexes.iter().map(|i| usize::try_from(*i).ok().and_then(|i| self.0.get(i)).copied());
            found.collect::<Option<_>>().ok_or(tlog::Error::IndexesNotInTree)
        }
    }

    /// The eight leaves and roots of the reference implementation of Certificate Transparency.
    #[test]
    fn the_roots_are_those_of_rfc_6962() {
        let leaves: [&[u8]; 8] = [
            b"",
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::default();
        assert_eq!(tree.root(), EMPTY_HASH);
        for (leaf, root) in leaves.into_iter().zip(roots) {
            tree.append(record_hash(leaf), |_, _, _| {});
            assert_eq!(crate::Digest(tree.root().0).hex(), root, "of {} leaves", tree.size());
        }
    }

    proptest! {
        #[test]
        fn root_and_nodes_are_those_of_the_whole_tree(size in 1u64..700) {
            let (mut tree, mut stored) = (Frontier::default(), Stored(Vec::new()));
            let mut nodes = Vec::new();
            for n in 0..size {
                let leaf = record_hash(&n.to_be_bytes());
                tree.append(leaf, |level, index, hash| nodes.push((level, index, hash)));
                let more = tlog::stored_hashes_for_record_hash(n, leaf, &stored).unwrap();
                stored.0.extend(more);
            }
            prop_assert_eq!(tree.root(), tlog::tree_hash(size, &stored).unwrap());
            for (level, index, hash) in nodes {
                let at = tlog::stored_hash_index(level, index);
                prop_assert_eq!(stored.read_hashes(&[at]).unwrap()[0], hash);
            }
            // The same tree, begun from its stored nodes.
            let mut again = Frontier::default();
            let whole = size / NODE_WIDTH;
            for n in 0..whole {
                let hash = stored.read_hashes(&[tlog::stored_hash_index(NODE_LEVELS, n)]).unwrap()[0];
                again.append_subtree(NODE_LEVELS, hash, |_, _, _| {});
            }
            for n in whole * NODE_WIDTH..size {
                again.append(record_hash(&n.to_be_bytes()), |_, _, _| {});
            }
            prop_assert_eq!(again.size(), size);
            prop_assert_eq!(again.root(), tree.root());
        }
    }
}
