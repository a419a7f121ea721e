"""A fictional company to try the product on and to test it with: bills, logs, people and configuration, written by `write_sample_company`.

story.py tells what the company does and what must be recommended; the other modules turn that into files. Nothing here reads results.
"""

from pipelines.sample_company.company import SampleCompany, write_sample_company

__all__ = ["SampleCompany", "write_sample_company"]
