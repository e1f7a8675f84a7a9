"""python -m pockettts_np"""

import sys

from .cli import main

sys.exit(main())
