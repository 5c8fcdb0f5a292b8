/* Runs a signature of a SavedModel without Python.

   It goes through the C interface of the library that the wheel of TensorFlow
   ships; below it is the loader that TF Serving uses.

     run_saved_model DIR images INPUT OUTPUT HEIGHT WIDTH < pixels > classes
     run_saved_model DIR bytes INPUT OUTPUT < file > classes

   INPUT and OUTPUT are names of tensors, such as serving_default_images:0.
   standard output gets the bytes of OUTPUT, standard error its shape. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

#define MAX_BYTES (64 << 20)

static void fail(const char* what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void check(const TF_Status* status) {
  if (TF_GetCode(status) != TF_OK) fail(TF_Message(status));
}

static TF_Output find(TF_Graph* graph, const char* tensor) {
  const char* colon = strchr(tensor, ':');
  char name[256];
  TF_Output output;
  if (colon == NULL || colon - tensor >= (long)sizeof(name)) fail(tensor);
  memcpy(name, tensor, colon - tensor);
  name[colon - tensor] = '\0';
  output.oper = TF_GraphOperationByName(graph, name);
  output.index = atoi(colon + 1);
  if (output.oper == NULL) fail(tensor);
  return output;
}

static TF_Tensor* images(const char* data, size_t size, int64_t height,
                         int64_t width) {
  const int64_t dims[4] = {1, height, width, 3};
  TF_Tensor* tensor = TF_AllocateTensor(TF_UINT8, dims, 4, size);
  if (size != (size_t)(height * width * 3)) fail("wrong number of pixels");
  memcpy(TF_TensorData(tensor), data, size);
  return tensor;
}

static TF_Tensor* bytes(const char* data, size_t size) {
  const int64_t dims[1] = {1};
  TF_Tensor* tensor =
      TF_AllocateTensor(TF_STRING, dims, 1, sizeof(TF_TString));
  TF_TString* string = (TF_TString*)TF_TensorData(tensor);
  TF_TString_Init(string);
  TF_TString_Copy(string, data, size);
  return tensor;
}

int main(int argc, char** argv) {
  const char* tags[] = {"serve"};
  char* data = malloc(MAX_BYTES);
  size_t size;
  TF_Status* status = TF_NewStatus();
  TF_SessionOptions* options = TF_NewSessionOptions();
  TF_Graph* graph = TF_NewGraph();
  TF_Session* session;
  TF_Output input, output;
  TF_Tensor *value, *result = NULL;
  int i;

  if (argc < 5) fail("usage: DIR images|bytes INPUT OUTPUT [HEIGHT WIDTH]");
  size = fread(data, 1, MAX_BYTES, stdin);
  session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1,
                                         graph, NULL, status);
  check(status);
  input = find(graph, argv[3]);
  output = find(graph, argv[4]);
  if (strcmp(argv[2], "images") == 0) {
    if (argc < 7) fail("images need HEIGHT and WIDTH");
    value = images(data, size, atoll(argv[5]), atoll(argv[6]));
  } else {
    value = bytes(data, size);
  }
  TF_SessionRun(session, NULL, &input, &value, 1, &output, &result, 1, NULL, 0,
                NULL, status);
  check(status);
  for (i = 0; i < TF_NumDims(result); ++i)
    fprintf(stderr, "%lld ", (long long)TF_Dim(result, i));
  fwrite(TF_TensorData(result), 1, TF_TensorByteSize(result), stdout);
  return 0;
}
