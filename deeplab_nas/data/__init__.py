"""From images and masks to batches: conversion, dataset.json, the pipeline."""
