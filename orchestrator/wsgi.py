"""The HTTP process: `granian --interface wsgi orchestrator.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator.settings")

application = get_wsgi_application()  # sets Django up; what follows needs that

from chains_app.checks import require_right_configuration  # noqa: E402

require_right_configuration()
