"""The files in scripts/serving/, as TF Serving and docker would read them."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
import yaml
from google.protobuf import (
  descriptor_pb2,
  descriptor_pool,
  message_factory,
  text_format,
  wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

from deeplab_nas.serving import names, summary

FOLDER = pathlib.Path(__file__).parents[2] / 'scripts' / 'serving'
FIELD = descriptor_pb2.FieldDescriptorProto
# Two messages that tensorflow-serving-api does not ship, with the fields of
# tensorflow_serving/servables/tensorflow/session_bundle_config.proto and
# tensorflow_serving/config/monitoring_config.proto: name, number, type.
INT64 = '.google.protobuf.Int64Value'
MESSAGES = {
  'BatchingParameters': [
    ('max_batch_size', 1, INT64),
    ('batch_timeout_micros', 2, INT64),
    ('max_enqueued_batches', 3, INT64),
    ('num_batch_threads', 4, INT64),
    ('thread_pool_name', 5, '.google.protobuf.StringValue'),
    ('allowed_batch_sizes', 6, FIELD.TYPE_INT64),
    ('pad_variable_length_inputs', 7, FIELD.TYPE_BOOL),
  ],
  'PrometheusConfig': [
    ('enable', 1, FIELD.TYPE_BOOL),
    ('path', 2, FIELD.TYPE_STRING),
  ],
  'MonitoringConfig': [
    ('prometheus_config', 1, '.tensorflow.serving.PrometheusConfig'),
  ],
}


@pytest.fixture(scope='module')
def messages():
  """Classes of `MESSAGES` by name."""
  file = descriptor_pb2.FileDescriptorProto(
    name='serving_configs.proto',
    package='tensorflow.serving',
    syntax='proto3',
    dependency=['google/protobuf/wrappers.proto'],
  )
  for name, fields in MESSAGES.items():
    message = file.message_type.add(name=name)
    for field_name, number, kind in fields:
      field = message.field.add(name=field_name, number=number)
      field.label = FIELD.LABEL_OPTIONAL
      if field_name == 'allowed_batch_sizes':
        field.label = FIELD.LABEL_REPEATED
      if isinstance(kind, str):
        field.type, field.type_name = FIELD.TYPE_MESSAGE, kind
      else:
        field.type = kind
  pool = descriptor_pool.DescriptorPool()
  pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
  pool.Add(file)
  return {
    name: message_factory.GetMessageClass(
      pool.FindMessageTypeByName(f'tensorflow.serving.{name}')
    )
    for name in MESSAGES
  }


@pytest.fixture(scope='module')
def service():
  compose = yaml.safe_load((FOLDER / 'docker-compose.yml').read_text())
  return compose['services']['serving']


def parse(name, message):
  return text_format.Parse((FOLDER / name).read_text(), message)


def test_models_config_names_the_model_that_is_exported():
  found = parse('models.config', model_server_config_pb2.ModelServerConfig())
  (model,) = found.model_config_list.config
  assert model.name == names.MODEL
  assert model.base_path == f'/models/{names.MODEL}'
  assert model.model_platform == 'tensorflow'
  assert model.model_version_policy.latest.num_versions == 1


def test_batching_config_keeps_the_rules_of_its_proto(messages):
  found = parse('batching.config', messages['BatchingParameters']())
  sizes = list(found.allowed_batch_sizes)
  assert sizes == sorted(set(sizes))
  assert sizes[-1] == found.max_batch_size.value
  assert found.num_batch_threads.value >= 1


def test_monitoring_config_turns_prometheus_on(messages):
  found = parse('monitoring.config', messages['MonitoringConfig']())
  assert found.prometheus_config.enable
  assert found.prometheus_config.path == '/monitoring/prometheus/metrics'


def test_compose_mounts_every_file_that_it_names(service):
  mounts = {}
  for volume in service['volumes']:
    if isinstance(volume, str):  # a file beside this one
      source, target, mode = volume.split(':')
      assert mode == 'ro'
    else:  # whose path may have colons
      source, target = volume['source'], volume['target']
      assert volume['type'] == 'bind' and volume['read_only'] is True
    mounts[target] = source
  assert mounts.pop(f'/models/{names.MODEL}').startswith('${MODEL_DIR:?')
  for target, source in mounts.items():
    assert (FOLDER / source).is_file()
    assert pathlib.Path(source).name == pathlib.Path(target).name
  for flag in service['command']:
    assert flag.partition('=')[2] in mounts
  assert service['image'] == summary.IMAGE
  assert service['ports'] == ['8500:8500', '8501:8501']


def test_the_healthcheck_asks_for_a_loaded_version(service, server):
  kind, *command = service['healthcheck']['test']
  assert kind == 'CMD'

  def status(port, model):
    script = command[-1].replace('/8501', f'/{port}')
    script = script.replace('/models/deeplab_nas', f'/models/{model}')
    return subprocess.run(
      [*command[:-1], script], capture_output=True, timeout=20
    ).returncode

  port = server.rest_address.partition(':')[2]
  assert status(port, 'deeplab_nas') == 0
  assert status(port, 'missing') != 0
  assert status(1, 'deeplab_nas') != 0
