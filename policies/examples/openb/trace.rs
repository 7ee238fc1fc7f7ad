//! Reads the openb GPU trace: a node list and a pod list, both CSV.

use std::collections::BTreeMap;
use std::path::Path;

use apportion_policies::online::{Agent, Fleet, Population, Shape};

/// A fleet of empty nodes, and a list of pods as positions among the fleet's shapes.
pub struct Trace {
    /// Empty nodes; the distinct shapes of the pods.
    pub fleet: Fleet,
    /// The pods in the order of the list.
    pub pods: Vec<usize>,
    /// How often each shape is in the list.
    pub population: Population,
}

/// Reads `openb_node_list_gpu_node.csv` and `openb_pod_list_<list>.csv` in `folder`.
pub fn read(folder: &Path, list: &str) -> Result<Trace, String> {
    let mut models = Vec::new();
    let agents = rows(&folder.join("openb_node_list_gpu_node.csv"))?
        .iter()
        .map(|row| {
            let model = field(row, "model")?;
            let model = (!model.is_empty()).then(|| number_of(&mut models, model));
            let n_devices =
                usize::try_from(integer(row, "gpu")?).map_err(|error| error.to_string())?;
            Ok(Agent::empty(amounts(row)?, n_devices, model))
        })
        .collect::<Result<Vec<_>, String>>()?;
    let mut numbers: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut shapes = Vec::new();
    let mut counts: Vec<f64> = Vec::new();
    let mut pods = Vec::new();
    for row in rows(&folder.join(format!("openb_pod_list_{list}.csv")))? {
        let accepted = row.get("gpu_spec").map_or("", String::as_str);
        let accepted = accepted.split('|').filter(|model| !model.is_empty());
        let shape = Shape {
            amounts: amounts(&row)?,
            devices: usize::try_from(integer(&row, "num_gpu")?)
                .map_err(|error| error.to_string())?,
            device_milli: integer(&row, "gpu_milli")?,
            models: accepted
                .map(|model| number_of(&mut models, model))
                .collect(),
        };
        let number = *numbers.entry(shape.clone()).or_insert_with(|| {
            shapes.push(shape);
            counts.push(0.0);
            shapes.len() - 1
        });
        counts[number] += 1.0;
        pods.push(number);
    }
    let weighted: Vec<(Shape, f64)> = shapes.iter().cloned().zip(counts).collect();
    Ok(Trace {
        fleet: Fleet::new(agents, shapes).map_err(|faults| format!("{faults:?}"))?,
        pods,
        population: Population::new(&weighted).map_err(|faults| format!("{faults:?}"))?,
    })
}

type Row = BTreeMap<String, String>;

fn rows(path: &Path) -> Result<Vec<Row>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        let fields = line.split(',').map(str::to_owned);
        names
            .iter()
            .map(|&name| name.to_owned())
            .zip(fields)
            .collect()
    };
    Ok(lines.map(row).collect())
}

fn field<'a>(row: &'a Row, name: &str) -> Result<&'a str, String> {
    row.get(name)
        .map(String::as_str)
        .ok_or_else(|| format!("no column {name}"))
}

fn integer(row: &Row, name: &str) -> Result<i64, String> {
    field(row, name)?
        .parse()
        .map_err(|error| format!("{name}: {error}"))
}

fn amounts(row: &Row) -> Result<Vec<i64>, String> {
    Ok(vec![
        integer(row, "cpu_milli")?,
        integer(row, "memory_mib")?,
    ])
}

fn number_of(models: &mut Vec<String>, model: &str) -> u32 {
    let known = models.iter().position(|known| known == model);
    let number = known.unwrap_or_else(|| {
        models.push(model.to_owned());
        models.len() - 1
    });
    u32::try_from(number).expect("a trace names few models")
}
