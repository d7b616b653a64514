//! Paths and bytes of tiles.

use proptest::prelude::*;
use trailbook_tlog::tile::{self, Kind, Tile, WIDTH};

proptest! {
    #[test]
    fn a_path_is_read_as_it_was_written(
        (level, index, width) in (0_u8..=63, any::<u64>(), 1..=WIDTH), is_entries in any::<bool>(),
    ) {
        let kind = if is_entries { Kind::Entries } else { Kind::Hashes { level } };
        let tile = Tile { kind, index, width };
        prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
    }

    #[test]
    fn any_text_is_no_path_or_the_one_of_its_tile(path in "tile/[0-9entris]{1,3}/[x0-9/]{0,12}(\\.p/[0-9]{0,4})?") {
        if let Some(tile) = Tile::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }

    #[test]
    fn any_bytes_are_a_bundle_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(entries) = tile::decode_entries(&bytes) {
            let mut again = Vec::new();
            entries.iter().for_each(|entry| tile::push_entry(&mut again, entry));
            prop_assert_eq!(again, bytes.clone());
        }
        if let Ok(hashes) = tile::decode_hashes(&bytes) {
            prop_assert_eq!(tile::encode_hashes(&hashes), bytes);
        }
    }
}

#[test]
fn paths_are_those_of_the_specification() {
    let path = |kind, index, width| Tile { kind, index, width }.path();
    assert_eq!(path(Kind::Hashes { level: 0 }, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(Kind::Entries, 1000, 3), "tile/entries/x001/000.p/3");
    for wrong in [
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/+01",
        "tile/0/000/",
        "tile//000",
        "tile/entries/",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "0/000",
    ] {
        assert_eq!(Tile::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn widths_follow_from_the_size() {
    let width = |level, index, size| Tile { kind: Kind::Hashes { level }, index, width: 1 }.width_at(size);
    assert_eq!([width(0, 0, 255), width(0, 0, 256), width(0, 1, 256), width(0, 1, 257)], [255, 256, 0, 1]);
    assert_eq!([width(1, 0, 255), width(1, 0, 256), width(1, 0, 70_000), width(1, 1, 70_000)], [0, 1, 256, 17]);
    assert_eq!([width(2, 0, 70_000), width(8, 0, u64::MAX), width(7, 0, u64::MAX)], [1, 0, 255]);
    assert_eq!(width(0, u64::MAX, u64::MAX), 0);
}

#[test]
fn entries_and_tiles_have_limits() {
    let mut bundle = Vec::new();
    tile::push_entry(&mut bundle, &vec![7; 65_535]);
    assert_eq!(tile::decode_entries(&bundle).unwrap(), [vec![7; 65_535]]);
    let entries = |count: usize| [0, 0].repeat(count);
    assert_eq!(tile::decode_entries(&entries(256)).unwrap().len(), 256);
    assert!(tile::decode_entries(&entries(257)).is_err());
    assert!(tile::decode_entries(&[]).is_err());
    assert_eq!(tile::decode_hashes(&[0; 8192]).unwrap().len(), 256);
    assert!([0, 31, 33, 8193, 8224].iter().all(|len| tile::decode_hashes(&vec![0; *len]).is_err()));
}
