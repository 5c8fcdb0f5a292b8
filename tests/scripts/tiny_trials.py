"""What makes the trials of a command as cheap as can be."""

FLAGS = (
  '--set=data.crop_size=[17,17]',
  '--set=data.batch_size=2',
  '--set=data.image_scale=1',
  '--set=network.stem_filters=[2,2,4]',
  '--set=network.head_filters=8',
  '--set=network.filter_multiplier=1',
)
