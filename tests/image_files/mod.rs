//! What the tests of pictures share: files in the format of MNIST.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

/// An IDX file of bytes: its lengths, then what it holds.
pub fn idx(lengths: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, lengths.len() as u8];
    lengths.iter().for_each(|length| file.extend(length.to_be_bytes()));
    file.extend(bytes);
    file
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
