"""django_run.py <parent of your_app> up|down: runs manage.py's own migrate command."""
import os
import sys

folder, way = sys.argv[1:3]
sys.path.insert(0, folder)
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["your_app"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": "handover", "USER": os.environ["PGUSER"],
        "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
    }},
)
django.setup()
from django.core.management import call_command
from django.db import connection

call_command("migrate", "your_app", *([] if way != "down" else ["0001"]), verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("SELECT current_setting('lock_timeout'), current_setting('statement_timeout')")
    print("lock_timeout=%s statement_timeout=%s" % cursor.fetchone())
