//! Pages of prices in order: a tree of 64 children a node, over the 58 bits of a page's number.
//!
//! A leaf is a page: 64 neighbouring prices, of which its bits say the occupied ones. The tree is walked only where
//! the touch leaves a page or an order needs a new one; the ladder remembers the leaves in use. Its depth is fixed, so
//! that a lone price at the far end of the range costs what any other does. Nodes and leaves that become empty are used
//! again.

use super::arena::NONE;

/// Children of a node, and prices of a page.
pub(super) const FANOUT: u32 = 64;
const BITS: u32 = FANOUT.trailing_zeros();
/// The bits of a page's number that the root decides by.
const ROOT_SHIFT: u32 = 54;

#[derive(Debug, Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Leaf {
    /// Which of the page's prices have orders.
    pub bits: u64,
    /// The number of the page; [`NO_PAGE`] while the leaf is free.
    pub page: u64,
    parent: u32,
    next_free: u32,
}

/// Pages have numbers of 58 bits, so that this is none.
pub(super) const NO_PAGE: u64 = u64::MAX;

#[derive(Debug, Clone)]
struct Node {
    bits: u64,
    parent: u32,
    /// The node's place in its parent; of a free node, the next free one.
    slot: u32,
    /// Nodes; leaves at the lowest height.
    children: [u32; FANOUT as usize],
}

impl Node {
    fn under(parent: u32, slot: u32) -> Node {
        Node { bits: 0, parent, slot, children: [NONE; FANOUT as usize] }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Trie {
    pub leaves: Vec<Leaf>,
    leaves_max: u32,
    free_leaf: u32,
    nodes: Vec<Node>,
    free_node: u32,
}

impl Trie {
    pub(super) fn new(leaves_max: u32) -> Trie {
        let nodes = vec![Node::under(NONE, 0)];
        Trie { leaves: Vec::new(), leaves_max, free_leaf: NONE, nodes, free_node: NONE }
    }

    pub(super) fn set_leaves_max(&mut self, leaves_max: u32) {
        self.leaves_max = leaves_max;
    }

    pub(super) fn find(&self, page: u64) -> Option<u32> {
        let (mut at, mut shift) = (0, ROOT_SHIFT);
        loop {
            let child = self.nodes[at as usize].children[digit(page, shift)];
            if child == NONE || shift == 0 {
                return (child != NONE).then_some(child);
            }
            (at, shift) = (child, shift - BITS);
        }
    }

    /// The leaf of this page, made if there is none. `None` if no leaf is left.
    pub(super) fn obtain(&mut self, page: u64) -> Option<u32> {
        if self.free_leaf == NONE && self.leaves.len() as u32 >= self.leaves_max {
            return self.find(page);
        }
        let (mut at, mut shift) = (0, ROOT_SHIFT);
        while shift > 0 {
            (at, shift) = (self.child_or_new(at, digit(page, shift)), shift - BITS);
        }
        let child = self.nodes[at as usize].children[digit(page, 0)];
        Some(if child == NONE { self.new_leaf(page, at) } else { child })
    }

    fn child_or_new(&mut self, at: u32, digit: usize) -> u32 {
        let child = self.nodes[at as usize].children[digit];
        if child != NONE {
            return child;
        }
        let mut child = self.free_node;
        if child == NONE {
            child = self.nodes.len() as u32;
            self.nodes.push(Node::under(at, digit as u32));
        } else {
            let node = &mut self.nodes[child as usize];
            self.free_node = node.slot;
            (node.parent, node.slot) = (at, digit as u32);
        }
        self.set_child(at, digit, child);
        child
    }

    fn new_leaf(&mut self, page: u64, parent: u32) -> u32 {
        let leaf = Leaf { bits: 0, page, parent, next_free: NONE };
        let mut at = self.free_leaf;
        if at == NONE {
            at = self.leaves.len() as u32;
            self.leaves.push(leaf);
        } else {
            self.free_leaf = self.leaves[at as usize].next_free;
            self.leaves[at as usize] = leaf;
        }
        self.set_child(parent, digit(page, 0), at);
        at
    }

    fn set_child(&mut self, at: u32, digit: usize, child: u32) {
        let node = &mut self.nodes[at as usize];
        node.children[digit] = child;
        node.bits |= 1 << digit;
    }

    /// Takes out a leaf. The leaf that follows it in order, if it was the first; otherwise any or none.
    pub(super) fn remove(&mut self, leaf: u32) -> Option<u32> {
        let Leaf { page, parent, .. } = self.leaves[leaf as usize];
        self.leaves[leaf as usize] = Leaf { bits: 0, page: NO_PAGE, parent: NONE, next_free: self.free_leaf };
        self.free_leaf = leaf;
        let (mut at, mut digit, mut shift) = (parent, digit(page, 0) as u32, 0);
        loop {
            let node = &mut self.nodes[at as usize];
            node.children[digit as usize] = NONE;
            node.bits &= !(1 << digit);
            if node.bits != 0 {
                return Some(self.first_under(at, shift));
            }
            if node.parent == NONE {
                return None;
            }
            let (parent, slot) = (node.parent, node.slot);
            node.slot = self.free_node;
            self.free_node = at;
            (at, digit, shift) = (parent, slot, shift + BITS);
        }
    }

    /// The leaf that follows in order.
    pub(super) fn after(&self, leaf: u32) -> Option<u32> {
        let Leaf { page, parent, .. } = self.leaves[leaf as usize];
        let (mut at, mut digit, mut shift) = (parent, digit(page, 0) as u32, 0);
        loop {
            let node = &self.nodes[at as usize];
            let later = node.bits & bits_above(digit);
            if later != 0 {
                let child = node.children[later.trailing_zeros() as usize];
                return Some(if shift == 0 { child } else { self.first_under(child, shift - BITS) });
            }
            if node.parent == NONE {
                return None;
            }
            (at, digit, shift) = (node.parent, node.slot, shift + BITS);
        }
    }

    fn first_under(&self, mut at: u32, mut shift: u32) -> u32 {
        loop {
            let node = &self.nodes[at as usize];
            let child = node.children[node.bits.trailing_zeros() as usize];
            if shift == 0 {
                return child;
            }
            (at, shift) = (child, shift - BITS);
        }
    }
}

/// Bits above this one; none above the last.
#[inline]
pub(super) fn bits_above(bit: u32) -> u64 {
    (u64::MAX << bit) << 1
}

fn digit(page: u64, shift: u32) -> usize {
    (page >> shift) as usize & (FANOUT as usize - 1)
}

#[cfg(test)]
mod tests;
