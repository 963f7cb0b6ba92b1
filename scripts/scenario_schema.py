"""Print the JSON Schema of scenarios. Run it after a change of the scenario format.

python scripts/scenario_schema.py > scenarios/scenario.schema.json
"""

from __future__ import annotations

import json

from relace_mock.scenario.model import json_schema

print(json.dumps(json_schema(), indent=2))
