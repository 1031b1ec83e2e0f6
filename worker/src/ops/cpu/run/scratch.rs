//! Scratch memory of a task, which the thread keeps for its next task: it is as large as a cache, and clearing it at every call
//! would cost time.

use super::simd::Real;
use pulp::bytemuck;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

thread_local! {
    /// Memory that no task of the thread uses at the moment.
    static SPARE: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers, arbitrary at first.
pub(in crate::ops::cpu) struct Scratch<T> {
    words: Vec<u64>,
    length: usize,
    numbers: PhantomData<T>,
}

impl<T: Real> Scratch<T> {
    /// `length` numbers.
    pub(in crate::ops::cpu) fn new(length: usize) -> Self {
        let mut words = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let least = (length * size_of::<T>()).div_ceil(size_of::<u64>());
        if words.len() < least {
            words = vec![0; least];
        }
        Self { words, length, numbers: PhantomData }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        let words = std::mem::take(&mut self.words);
        // a thread that ends keeps nothing
        let _ = SPARE.try_with(|spare| spare.borrow_mut().push(words));
    }
}

impl<T: Real> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}

impl<T: Real> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[..self.length]
    }
}
