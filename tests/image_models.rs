//! From pictures in memory to a saved model and back: what is dealt out, what is refused, what comes back.
#![cfg(all(feature = "train", feature = "flex"))]

use std::{fs, path::Path};

use burn::tensor::Device;
use burn_zoo::{
    Error, Key,
    data::image::{ImageData, ImageSource, Images, Labelled},
    models::Task,
    recipe::{self, ImageOrigin, Outcome},
    settings::CnnSettings,
    train::Quiet,
    uncertainty::MonteCarlo,
    zoo::{self, AnyFile, AnyModel, ImageFile, ImageModel, MODEL_TOML, Precision, WEIGHTS},
};
use sha2::{Digest, Sha256};

/// Noisy pictures of 8 x 8, the classes of which are bright in other rows.
fn pictures(n: usize, classes: usize, seed: u64) -> Labelled {
    let noise = Key::new(seed).uniform(0, n, 64);
    let labels: Vec<usize> = (0..n).map(|i| i % classes).collect();
    let value = |(at, x): (usize, f32)| if at % 64 / 8 == 2 * labels[at / 64] { 0.5 + x / 2.0 } else { x / 2.0 };
    let values = noise.into_iter().enumerate().map(value).collect();
    Labelled { images: Images::new([1, 8, 8], values).unwrap(), labels, names: Vec::new() }
}

fn data(n: usize, classes: usize, test: Option<usize>) -> ImageData {
    ImageData {
        classes: (0..classes).map(|class| format!("c{class}")).collect(),
        train: pictures(n, classes, 1),
        test: test.map(|n| pictures(n, classes, 2)),
        sha256: "0".repeat(64),
        notes: Vec::new(),
    }
}

fn settings(changes: &[&str]) -> CnnSettings {
    let stages = "model.stages=[{channels=3,kernel=3,pool=\"max:2\",dropout=\"spatial:0.2\"}]";
    let small = [stages, "model.hidden=[6]", "train.epochs=2", "train.batch_size=16", "train.learning_rate=0.02"];
    small.iter().chain(changes).fold(CnnSettings::default(), |settings, change| {
        let (path, value) = change.split_once('=').unwrap();
        settings.set(path, value).unwrap()
    })
}

fn train(data: ImageData, changes: &[&str]) -> Outcome<ImageModel> {
    let origin = ImageOrigin { command: "a test".to_string(), device: "flex".to_string() };
    recipe::train_cnn(data, "drawn", &settings(changes), origin, &Device::flex(), Quiet).unwrap()
}

#[test]
fn an_official_test_part_stays_one_and_the_others_are_dealt_out_by_class() {
    for (test, rows) in [(Some(30), [99, 21, 30]), (None, [84, 18, 18])] {
        let prepared = recipe::prepare_images(data(120, 3, test), "drawn", &settings(&[])).unwrap();
        assert_eq!(prepared.split.parts().map(<[usize]>::len), rows);
        let mut all = [prepared.split.train.clone(), prepared.split.valid.clone()].concat();
        all.extend(if test.is_none() { prepared.split.test.clone() } else { Vec::new() });
        all.sort();
        assert_eq!(all, (0..120).collect::<Vec<_>>());
        for class in 0..3 {
            let of_class = prepared.split.valid.iter().filter(|&&row| row % 3 == class).count();
            assert!((of_class as f64 - rows[1] as f64 / 3.0).abs() < 1.0, "{of_class} of {rows:?}");
        }
    }
}

#[test]
fn two_classes_are_a_yes_or_no_and_more_are_one_of_several() {
    let task = |classes| recipe::prepare_images(data(40, classes, None), "d", &settings(&[])).unwrap().config.task;
    assert_eq!((task(2), task(4)), (Task::Binary, Task::MultiClass { classes: 4 }));
    for classes in [2, 3] {
        let model = train(data(150, classes, Some(60)), &["train.epochs=8"]).model;
        let scores = model.file().test.unwrap();
        let [sampled, mean, baseline] =
            [scores.monte_carlo, scores.mean_network, scores.baseline].map(|scores| scores.get("accuracy").unwrap());
        assert!(sampled > 0.8 && mean > 0.8 && baseline < 0.6, "{classes}: {sampled} {mean} {baseline}");
        assert_eq!(model.evaluate(&pictures(60, classes, 2), &MonteCarlo::new(recipe::PASSES)).unwrap(), scores);
    }
}

#[test]
fn copies_across_parts_are_told() {
    let mut copied = data(60, 3, None);
    let rows: Vec<usize> = (0..60).chain(0..30).collect();
    copied.train.images = copied.train.images.select(&rows);
    copied.train.labels = rows.iter().map(|&row| copied.train.labels[row]).collect();
    let prepared = recipe::prepare_images(copied, "drawn", &settings(&[])).unwrap();
    let [note] = &prepared.notes[..] else { panic!("{:?}", prepared.notes) };
    assert!(note.starts_with("30 pictures are copies of others, pixel by pixel: "), "{note}");
}

#[test]
fn pictures_that_teach_nothing_are_refused_in_one_line() {
    let refused = |data: ImageData, changes: &[&str]| {
        recipe::prepare_images(data, "drawn", &settings(changes)).unwrap_err().to_string()
    };
    assert_eq!(refused(data(20, 1, None), &[]), "drawn: one class only, `c0`: nothing to learn");
    assert_eq!(
        refused(data(2, 2, None), &[]),
        "drawn: `data.split` is [0.7, 0.15, 0.15] of 2 rows by class: expected at least one row in each part"
    );
    assert_eq!(
        refused(data(1, 2, Some(2)), &[]),
        "drawn: `data.split` is [0.7, 0.15, 0.15] of 1 rows by class: expected at least one row in each part"
    );
    let mut lacking = data(60, 3, Some(30));
    lacking.train = pictures(60, 2, 1);
    let says = "drawn: no picture of the training part is of the class `c2`: add some, or leave it out";
    assert_eq!(refused(lacking, &[]), says);
    let says = "`model.stages.0.kernel` is 9: expected at most 8: the map is 8 x 8 there";
    assert_eq!(refused(data(60, 3, None), &["model.stages=[{channels=3,kernel=9}]"]), says);
}

#[test]
fn augmentation_changes_the_training_alone() {
    let [plain, shifted] = [&[][..], &["augment.shift=0.2", "augment.noise=0.1"]].map(|changes| {
        let Outcome { model, curve, .. } = train(data(60, 3, None), changes);
        (model, curve)
    });
    assert_eq!(plain.0.file().normalisation, shifted.0.file().normalisation);
    assert_ne!(plain.1[0].train_loss, shifted.1[0].train_loss);
    assert_eq!(shifted.0.file().augment.shift, 0.2);
    let again = train(data(60, 3, None), &["augment.shift=0.2", "augment.noise=0.1", "train.workers=2"]);
    assert_eq!(again.curve, shifted.1); // neither threads nor time change anything
}

#[test]
fn a_saved_model_opens_to_the_same_predictions_bit_for_bit() {
    let directory = tempfile::tempdir().unwrap();
    let (new, device) = (pictures(20, 3, 5), Device::flex());
    for (i, changes) in [
        &[][..],
        &["model.batch_norm=true", "model.stages=[{channels=4,kernel=3,norm=\"before\",dropout=\"concrete:0.1\"}]"],
        &["model.stages=[{channels=4,kernel=3,padding=1,pool=\"none\"},{channels=4,kernel=3,padding=1,repeats=2,residual=true}]",
          "model.depth_rate=0.2", "model.global_pool=true", "model.hidden=[]", "augment.flip=true"],
        &["model.stages=[]", "model.input_rate=0.1", "train.schedule=cosine"],
    ]
    .iter()
    .enumerate()
    {
        let model = train(data(60, 3, None), changes).model;
        let path = directory.path().join(i.to_string());
        model.save(&path, &[("note.txt", "hello".to_string())]).unwrap();
        let opened = ImageModel::open(&path, &device).unwrap();
        assert_eq!(opened.file(), model.file());
        let predict = |model: &ImageModel| {
            let prediction = model.predict(&new.images, &MonteCarlo::new(5)).unwrap();
            (0..20).flat_map(|row| prediction.probabilities(row).to_vec()).collect::<Vec<f64>>()
        };
        assert_eq!(predict(&opened), predict(&model));
        let AnyModel::Images(any) = AnyModel::open(&path, &device).unwrap() else { panic!("a model of pictures") };
        assert_eq!(any.file(), model.file());
        let AnyFile::Images(file) = AnyFile::open(&path).unwrap() else { panic!("a model of pictures") };
        assert_eq!(fs::read_to_string(path.join(MODEL_TOML)).unwrap(), file.to_toml());
        let mut blocks = Vec::new();
        let monte_carlo = MonteCarlo::new(5).chunk(7);
        let each = |range: std::ops::Range<usize>, _| {
            blocks.push(range.len());
            Ok(())
        };
        opened.predict_each(&new.images, &monte_carlo, each).unwrap();
        assert_eq!(blocks, [7, 7, 6]);
    }
}

#[test]
fn half_weights_are_half_the_file_and_come_back_as_they_were_rounded() {
    let directory = tempfile::tempdir().unwrap();
    let (whole, new) = (train(data(60, 3, None), &["model.hidden=[200]"]).model, pictures(20, 3, 5).images);
    let half = whole.clone().with_half_weights().unwrap();
    let (before, after) = (&whole.file().weights, &half.file().weights);
    assert_eq!((after.dtype, after.params), (Precision::F16, before.params));
    assert!(after.bytes < before.bytes * 6 / 10, "{} of {}", after.bytes, before.bytes);
    let path = directory.path().join("half");
    half.save(&path, &[]).unwrap();
    let opened = ImageModel::open(&path, &Device::flex()).unwrap();
    assert!(opened.file().to_toml().contains("dtype = \"f16\"\n"), "{}", opened.file().to_toml());
    let [a, b, c] = [&whole, &half, &opened].map(|model| {
        let prediction = model.predict_mean(&new).unwrap();
        (0..20).flat_map(|row| prediction.probabilities(row).to_vec()).collect::<Vec<f64>>()
    });
    assert_eq!(b, c);
    assert!(a != b && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 5e-3)); // 11 bits of each weight
    // Said to be whole, they are other tensors than they should be.
    let toml = opened.file().to_toml().replace("dtype = \"f16\"\n", "");
    fs::write(path.join(MODEL_TOML), toml).unwrap();
    let error = ImageModel::open(&path, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("bytes: too few for the network described") || error.contains("is F16"), "{error}");
}

#[test]
fn labels_are_told_by_the_names_of_classes() {
    let model = train(data(60, 3, None), &[]).model;
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(model.labels(&names(&["c2", "c0"]), &[0, 0, 1]).unwrap(), [2, 2, 0]);
    assert_eq!(model.labels(&names(&["c2", "d"]), &[0, 0]).unwrap(), [2, 2]); // nothing shows a d
    let error = model.labels(&names(&["c2", "c4"]), &[0, 1]).unwrap_err().to_string();
    assert_eq!(error, "unknown class `c4`: expected one of `c0`, `c1`, `c2`");
}

#[test]
fn pictures_of_another_shape_are_refused() {
    let model = train(data(60, 3, None), &[]).model;
    let other = Images::new([1, 8, 9], vec![0.0; 72]).unwrap();
    let error = model.predict(&other, &MonteCarlo::new(2)).unwrap_err().to_string();
    assert_eq!(
        error,
        "pictures: [1, 8, 9] (channels, height, width): the model reads [1, 8, 8]: read them by `ImageModel::reading`"
    );
    let none = Images::new([1, 8, 8], Vec::new()).unwrap();
    assert!(matches!(model.predict_mean(&none), Err(Error::NoRows)));
    assert_eq!(model.reading().size, Some([8, 8]));
}

#[test]
fn a_description_or_weights_that_do_not_hold_are_refused_for_what_is_wrong_in_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    train(data(60, 3, None), &[]).model.save(&path, &[]).unwrap();
    let (toml, weights) = (fs::read_to_string(path.join(MODEL_TOML)).unwrap(), fs::read(path.join(WEIGHTS)).unwrap());
    let sha256 = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let says = |toml: &str, weights: &[u8]| {
        fs::write(path.join(MODEL_TOML), toml).unwrap();
        fs::write(path.join(WEIGHTS), weights).unwrap();
        let error = AnyModel::open(&path, &Device::flex()).unwrap_err();
        assert!(matches!(error, Error::Model { .. }), "{error:?}");
        let text = error.to_string();
        assert!(!text.contains('\n'), "{text}");
        text.split_once(": ").unwrap().1.to_string()
    };
    for (old, new, expected) in [
        (
            "schema = 2",
            "schema = 1",
            "schema 1, of an older version of burn-zoo: train it again (this version reads schema 2)",
        ),
        ("family = \"cnn\"", "family = \"cmm\"", "unknown family `cmm`: expected one of `mlp`, `cnn`, `lstm`"),
        ("family = \"cnn\"", "family = \"mlp\"", "not a model of this version: "),
        ("mask_scheme = 1", "mask_scheme = 2", "mask scheme 2: this version draws by mask scheme 1"),
        ("\"c0\", ", "", "2 classes for a classifier of 3 classes"),
        ("\"c0\", ", "\"c1\", ", "2 classes `c1`"),
        ("input = [1, 8, 8]", "input = [1, 8, 12]", "327 parameters in "),
        ("input = [1, 8, 8]", "input = [2, 8, 8]", "2 channels: expected 1 or 3"),
        ("input = [1, 8, 8]", "input = [1, 9999, 8]", "`size` is [9999, 8]: expected height and width of 1 to 4096"),
        ("kernel = 3", "kernel = 9", "`stages.0.kernel` is 9: expected at most 8: the map is 8 x 8 there"),
        (
            "padding = 0",
            "padding = 60000",
            "`stages.0.channels` is 3: expected a map of at most 268435456 numbers: 3 x 120006 x 120006 are more",
        ),
        ("kernel = 3", "kernel = 3\nkernle = 3", "not a model of this version: "),
        ("epochs = 2", "epochs = 0", "`train.epochs` is 0: expected at least 1"),
        (
            "epochs = 2",
            "epochs = 2\nepohcs = 2",
            "not a model of this version: unknown key `train.epohcs`: did you mean `train.epochs`?",
        ),
        ("flip = false", "flip = 1", "not a model of this version: "),
        ("zoom = 0.0", "zoom = -1.0", "`augment.zoom` is -1: expected 0 to 4"),
        ("sd = [", "sd = [0.0, ", "`normalisation.sd` is [0.0, "),
        ("frequencies = [", "frequencies = [0.5, ", "4 shares of classes: expected 3"),
        ("frequencies = [0.", "frequencies = [-0.", "a share of a class is -0."),
        (
            "split = [0.7, ",
            "split = [0.8, ",
            "`split` is [0.8, 0.15, 0.15]: expected three positive shares that add up to 1",
        ),
    ] {
        assert!(toml.contains(old), "{old}: {toml}");
        let found = says(&toml.replacen(old, new, 1), &weights);
        assert!(found.starts_with(expected), "{old} -> {new}: {found}\nexpected: {expected}");
    }
    assert_eq!(says(&toml, &weights[..100]), "damaged: sha256 is not the one in model.toml");
    let renamed = String::from_utf8_lossy(&weights[..400]).contains("head.output.bias");
    assert!(renamed, "the header comes first");
    let mut changed = weights.clone();
    let at = weights.windows(16).position(|bytes| bytes == b"head.output.bias").unwrap();
    changed[at + 15] = b'z';
    let fitting = toml.replace(&sha256(&weights), &sha256(&changed));
    assert_eq!(says(&fitting, &changed), "no tensor `head.output.bias`");
    let error = ImageFile::read("schema = 2\nfamily = \"mlp\"\n", Path::new("m.toml")).unwrap_err().to_string();
    assert_eq!(error, "m.toml: a model of the family `mlp`: expected `cnn`");
}

#[test]
fn models_of_the_zoo_are_opened_by_their_family() {
    for entry in zoo::list() {
        let opened = entry.open(&Device::flex()).unwrap();
        match (entry.describe().unwrap(), opened) {
            (AnyFile::Table(file), AnyModel::Table(model)) => assert_eq!(&file, model.file()),
            (AnyFile::Images(file), AnyModel::Images(model)) => assert_eq!(&file, model.file()),
            (AnyFile::Text(file), AnyModel::Text(model)) => assert_eq!(&file, model.file()),
            (AnyFile::Series(file), AnyModel::Series(model)) => assert_eq!(&file, model.file()),
            _ => panic!("{}: a description of another family", entry.name),
        }
    }
}

/// The models of pictures that come with the crate.
fn entries() -> impl Iterator<Item = (&'static str, ImageModel)> {
    let images = zoo::list().iter().filter(|entry| entry.name.starts_with("cnn/"));
    images.map(|entry| (entry.name, entry.load_images(&Device::flex()).unwrap()))
}

#[test]
fn models_of_the_zoo_are_as_good_as_they_claim() {
    for (name, model) in entries() {
        let shared = std::env::var_os("BURN_ZOO_DATA").map(|data| Path::new(&data).join("fashion-mnist"));
        let source = match (name, shared) {
            ("cnn/digits", _) => ImageSource::Digits,
            ("cnn/fashion-mnist", Some(data)) => ImageSource::FashionMnist(data),
            _ => {
                println!("skipped: {name} is judged by data of BURN_ZOO_DATA");
                continue;
            }
        };
        let data = source.read(&model.reading()).unwrap();
        let file = model.file();
        assert_eq!((data.sha256.as_str(), &data.classes), (file.data.sha256.as_str(), &file.classes), "{name}");
        let found = model.evaluate(&data.test.unwrap(), &MonteCarlo::new(recipe::PASSES)).unwrap();
        let claimed = file.test.unwrap();
        for (found, claimed) in [(found.monte_carlo, claimed.monte_carlo), (found.mean_network, claimed.mean_network)] {
            for ((score, found), claimed) in found.names().iter().zip(found.values()).zip(claimed.values()) {
                // What another processor rounds in its own way moves a picture in a thousand.
                assert!((found - claimed).abs() <= 2e-3, "{name}, {score}: {found}, claimed {claimed}");
            }
        }
    }
}

#[test]
fn a_card_says_what_the_description_says() {
    for (name, model) in entries() {
        let (file, card) = (model.file(), zoo::find(name).unwrap().card());
        let section = card.split("\n## ").find(|section| section.starts_with(name)).unwrap().replace('\n', " ");
        let [trained, chose, test] = file.data.rows;
        let (weights, scores) = (&file.weights, file.test.unwrap());
        let mut claims = vec![
            file.provenance.command.clone(),
            format!("{} parameters, {} bytes", weights.params, weights.bytes),
            format!("{trained} trained and {chose} chose the epoch"),
            format!("on the {test} test"),
        ];
        for (row, scores) in [("Monte Carlo", scores.monte_carlo), ("mean network", scores.mean_network)] {
            let cells: Vec<String> = scores.values()[1..].iter().map(|score| format!("{score:.4}")).collect();
            claims.push(format!("| {row} | {} |", cells.join(" | ")));
        }
        for claim in claims {
            assert!(section.contains(&claim), "the card of {name} does not say: {claim}");
        }
    }
}
