"""Fidelity and recall in features that nothing is tuned to."""

from digitsmith.evaluation.measures.diversity import recall
from digitsmith.evaluation.measures.fidelity import frechet, hard_ratio, precision, two_sample
from digitsmith.evaluation.neighbours import Features
from digitsmith.evaluation.samples import FeatureSets
from digitsmith.records.evaluation import Measure


def independent(features: FeatureSets, others: Features | None) -> list[Measure]:
    """The measures that stand beside those of the digit-net: `fidelity` has their arguments and errors."""
    ratio, _ = frechet(features)
    found = [ratio, *hard_ratio(features, others), precision(features), two_sample(features), recall(features)]
    return [
        one.model_copy(
            update={"key": f"independent_{one.key}", "group": "independent", "title": f"{one.title} (autoencoder)"}
        )
        for one in found
    ]
