//! Where the blocks of input files are.
//!
//! Three copies as HDFS puts them by default: the first on a random agent (that of whoever wrote it), the second on a random agent of
//! another rack, the third on another agent of the second one's rack. Where there is no such agent, on any other one. Draws
//! are made file by file from the seed and the file's name, so that a block is in the same place whichever hours are read.

use std::collections::BTreeMap;

use apportion_cluster::file::BlockFile;
use apportion_policies::online::SplitMix64;

use super::{MIB, SwimOptions};

/// Bytes of a whole block.
pub(super) const BYTES: u64 = 128 * MIB;
/// Copies of each.
const COPIES: usize = 3;

/// What an agent is called.
pub(super) fn agent(at: u64) -> String {
    format!("agent-{at:05}")
}

/// The rack of an agent: they go round.
pub(super) fn rack(at: u64, options: &SwimOptions) -> u64 {
    at % options.racks
}

/// The files that jobs read.
pub(super) struct Files<'o> {
    options: &'o SwimOptions,
    files: BTreeMap<String, File>,
}

struct File {
    random: SplitMix64,
    blocks: Vec<BlockFile>,
    /// Bytes of the last block.
    last: u64,
}

impl<'o> Files<'o> {
    pub(super) fn new(options: &'o SwimOptions) -> Self {
        Self {
            options,
            files: BTreeMap::new(),
        }
    }

    /// Blocks in all files.
    pub(super) fn len(&self) -> usize {
        self.files.values().map(|file| file.blocks.len()).sum()
    }

    /// Names and sizes of the blocks that hold the first so many bytes of a file, which is at least as long.
    pub(super) fn read(&mut self, path: &str, bytes: u64) -> Vec<(String, i64)> {
        let options = self.options;
        let file = self.files.entry(path.to_owned()).or_insert_with(|| File {
            random: SplitMix64::new(options.seed ^ hash(path)),
            blocks: Vec::new(),
            last: 0,
        });
        let wanted = usize::try_from(bytes.div_ceil(BYTES)).unwrap_or(usize::MAX);
        let rest = bytes - bytes.saturating_sub(1) / BYTES * BYTES;
        while file.blocks.len() < wanted {
            if let Some(block) = file.blocks.last_mut() {
                block.mib = mib(BYTES);
            }
            let id = format!("{path}-{:05}", file.blocks.len());
            file.blocks.push(BlockFile {
                id,
                mib: mib(BYTES),
                replicas: copies(&mut file.random, options),
            });
            file.last = 0;
        }
        if wanted == file.blocks.len() && rest > file.last && wanted > 0 {
            file.last = rest;
            file.blocks[wanted - 1].mib = mib(rest);
        }
        let read = file.blocks[..wanted].iter().enumerate();
        let sizes = read.map(|(at, block)| {
            let size = if at + 1 == wanted {
                mib(rest)
            } else {
                mib(BYTES)
            };
            (block.id.clone(), size)
        });
        sizes.collect()
    }

    /// All blocks, by file.
    pub(super) fn into_blocks(self) -> Vec<BlockFile> {
        self.files
            .into_values()
            .flat_map(|file| file.blocks)
            .collect()
    }
}

fn mib(bytes: u64) -> i64 {
    i64::try_from(bytes.div_ceil(MIB)).unwrap_or(i64::MAX)
}

fn copies(random: &mut SplitMix64, options: &SwimOptions) -> Vec<String> {
    let mut chosen: Vec<u64> = Vec::new();
    while chosen.len() < COPIES.min(usize::try_from(options.agents).unwrap_or(COPIES)) {
        let right = match chosen[..] {
            [first] => elsewhere(random, options, rack(first, options)),
            [_, second] => beside(random, options, rack(second, options), &chosen),
            _ => None,
        };
        let at = right.unwrap_or_else(|| {
            loop {
                let at = below(random, options.agents);
                if !chosen.contains(&at) {
                    break at;
                }
            }
        });
        chosen.push(at);
    }
    chosen.into_iter().map(agent).collect()
}

fn below(random: &mut SplitMix64, bound: u64) -> u64 {
    random.below(usize::try_from(bound).unwrap_or(usize::MAX)) as u64
}

/// Agents in a rack.
fn size(rack: u64, options: &SwimOptions) -> u64 {
    (options.agents + options.racks - 1 - rack) / options.racks
}

/// An agent of another rack, if there is one.
fn elsewhere(random: &mut SplitMix64, options: &SwimOptions, home: u64) -> Option<u64> {
    let others = options.agents - size(home, options);
    if others == 0 {
        return None;
    }
    let drawn = below(random, others);
    let (round, at) = (drawn / (options.racks - 1), drawn % (options.racks - 1));
    Some(round * options.racks + at + u64::from(at >= home))
}

/// Another agent of a rack, if there is one.
fn beside(
    random: &mut SplitMix64,
    options: &SwimOptions,
    home: u64,
    chosen: &[u64],
) -> Option<u64> {
    let size = size(home, options);
    let here = chosen.iter().filter(|&&at| rack(at, options) == home);
    if here.count() as u64 == size {
        return None;
    }
    loop {
        let at = home + options.racks * below(random, size);
        if !chosen.contains(&at) {
            return Some(at);
        }
    }
}

/// FNV-1a: the same everywhere and always.
fn hash(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
