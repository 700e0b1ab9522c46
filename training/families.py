"""The encoder families: what a signal tower must know about its chemistry.

One family is one chemistry at one sampling rate. Everything here ends up in the
metadata of the model files, so training and inference cannot disagree.
"""

from dataclasses import dataclass

CLIP = 4.0  # normalized samples are clipped to +-CLIP: spikes carry no sequence
WINDOWS = (4096, 2048)  # allowed windows, samples; the first is the default
MIN_SAMPLES = 1024  # shortest chunk worth a vector: about 80-100 bases
STRIDE = 32  # bases between index windows, and the unit of hard negatives


@dataclass(frozen=True)
class Family:
    """Constants of one chemistry.

    samples_per_base is the nominal dwell. It fixes the span of a reference window,
    span = round(window / samples_per_base), in training and in every index.
    digitisation, range_pa, offset_mean, offset_sd describe the flow cell's ADC, with
    pA = (adc + offset) * range_pa / digitisation (values as in squigulator's profiles).
    """

    id: str
    chemistry: str
    sample_rate_hz: int
    samples_per_base: float
    leader_samples: int
    digitisation: float
    range_pa: float
    offset_mean: float
    offset_sd: float

    @property
    def counts_per_pa(self) -> float:
        return self.digitisation / self.range_pa

    def span(self, window: int) -> int:
        """Bases of the reference window that stands for `window` samples."""
        return round(window / self.samples_per_base)


FAMILIES = {
    "r10": Family(
        id="dna_r10.4.1_e8.2_400bps_5khz@v1",
        chemistry="dna_r10.4.1_e8.2_400bps",
        sample_rate_hz=5000,
        samples_per_base=12.5,
        leader_samples=2000,
        digitisation=2048,
        range_pa=281.345551,
        offset_mean=-127.566,
        offset_sd=19.377,
    ),
    # 450 bases/s is the pore's nominal speed; reads of ageing flow cells run slower,
    # so the family is centred on 400 bases/s.
    "r9": Family(
        id="dna_r9.4.1_450bps_4khz@v1",
        chemistry="dna_r9.4.1_450bps",
        sample_rate_hz=4000,
        samples_per_base=10.0,
        leader_samples=1500,
        digitisation=8192,
        range_pa=1443.030273,
        offset_mean=13.722,
        offset_sd=10.253,
    ),
}
