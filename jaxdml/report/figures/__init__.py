"""Figures, one file a kind. All need matplotlib (the extra `plot`)."""

FIGURES = {
    "questions": "What the study asks",
    "latent": "Latent space",
    "labels": "Scores against labels",
    "reliability": "Confidence and accuracy",
    "curves": "Losses over epochs",
    "data": "Images",
    "reconstructions": "Reconstructions",
    "samples": "Samples from the prior",
    "pseudo_inputs": "Pseudo-inputs",
    "neighbours": "Nearest neighbours",
}
