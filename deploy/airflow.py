"""An Airflow DAG that runs a plan every night; Airflow's own retries go on where the run failed.

Put it into the folder of DAGs. Airflow is not among the parts of Vitrine; `airflow dags test vitrine_nightly` ran it with 3.3.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="vitrine_nightly",
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=10)},
):
    BashOperator(
        task_id="nightly",
        # the first try begins anew, a retry goes on at the step that failed
        bash_command=(
            "/opt/vitrine/bin/vitrine run /srv/vitrine/nightly.toml --workspace /srv/vitrine "
            "{{ '--resume' if ti.try_number > 1 else '' }}"
        ),
    )
