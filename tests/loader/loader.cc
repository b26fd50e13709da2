// Runs a SavedModel as TF Serving does, on the TensorFlow libraries of the pip package: the same two
// calls (LoadSavedModel, Session::Run), XLA switched off, the warm-up requests replayed before the
// first request, no Python.
//
//   loader SAVED_MODEL [--ops FILE.so]... [--intra N] [--inter N] [--no-warmup]
//
// Standard input: requests, TFRecords of PredictionLog, the very format of the warm-up file.
// Standard output: one answer for the loading, then one for each request:
//   uint64 length | uint32 status code, 0 = OK | double milliseconds | length bytes
// The bytes are a PredictResponse, or the error message. Numbers are little-endian.

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tensorflow/c/c_api.h"
#include "tensorflow/cc/saved_model/loader.h"
#include "tensorflow/core/framework/tensor.h"
#include "tensorflow/core/framework/tensor.pb.h"
#include "tensorflow/core/public/session_options.h"

namespace tensorflow {
void DisableXlaCompilation();  // exported by the library, but its header is not in the package
}

namespace {

using absl::Status;
using tensorflow::Tensor;

#define RETURN_IF_ERROR(expression) \
  if (Status status = (expression); !status.ok()) return status

// ---- the protobuf wire format: as much as these messages need

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 128; value >>= 7) out->push_back(static_cast<char>(value | 128));
  out->push_back(static_cast<char>(value));
}

void AppendField(int number, std::string_view payload, std::string* out) {
  AppendVarint(number << 3 | 2, out);
  AppendVarint(payload.size(), out);
  out->append(payload);
}

bool ReadVarint(std::string_view* in, uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !in->empty(); shift += 7) {
    const uint8_t byte = in->front();
    in->remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

// Calls visit(number, payload) for each length-delimited field; skips the others.
template <typename Visit>
Status VisitFields(std::string_view message, Visit visit) {
  while (!message.empty()) {
    uint64_t tag, length;
    if (!ReadVarint(&message, &tag)) return absl::InvalidArgumentError("malformed message");
    switch (tag & 7) {
      case 0:
        if (!ReadVarint(&message, &length)) return absl::InvalidArgumentError("malformed varint");
        continue;
      case 1: length = 8; break;
      case 5: length = 4; break;
      case 2:
        if (ReadVarint(&message, &length)) break;
        [[fallthrough]];
      default: return absl::InvalidArgumentError("malformed field");
    }
    if (length > message.size()) return absl::InvalidArgumentError("truncated field");
    if ((tag & 7) == 2) RETURN_IF_ERROR(visit(tag >> 3, message.substr(0, length)));
    message.remove_prefix(length);
  }
  return absl::OkStatus();
}

// ---- requests and responses

struct Request {
  std::string signature = "serving_default";
  std::map<std::string, Tensor> inputs;
};

// An entry of map<string, TensorProto>: key = 1, value = 2.
Status ParseInput(std::string_view entry, Request* request) {
  std::string name;
  tensorflow::TensorProto proto;
  RETURN_IF_ERROR(VisitFields(entry, [&](int number, std::string_view payload) -> Status {
    if (number == 1) name = payload;
    if (number == 2 && !proto.ParseFromString(std::string(payload)))
      return absl::InvalidArgumentError("malformed tensor");
    return absl::OkStatus();
  }));
  if (!request->inputs[name].FromProto(proto))
    return absl::InvalidArgumentError(absl::StrCat("tensor of input \"", name, "\" cannot be read"));
  return absl::OkStatus();
}

// PredictionLog.predict_log = 6, PredictLog.request = 1, then PredictRequest: model_spec = 1 with
// signature_name = 3, inputs = 2.
Status ParseRequest(std::string_view record, Request* request) {
  auto spec = [&](int number, std::string_view payload) -> Status {
    if (number == 3 && !payload.empty()) request->signature = payload;
    return absl::OkStatus();
  };
  auto predict = [&](int number, std::string_view payload) -> Status {
    if (number == 1) return VisitFields(payload, spec);
    if (number == 2) return ParseInput(payload, request);
    return absl::OkStatus();
  };
  auto log = [&](int number, std::string_view payload) -> Status {
    return number == 1 ? VisitFields(payload, predict) : absl::OkStatus();
  };
  return VisitFields(record, [&](int number, std::string_view payload) -> Status {
    if (number == 6) return VisitFields(payload, log);
    return absl::UnimplementedError("only Predict requests are run here");
  });
}

std::string EncodeResponse(const std::vector<std::string>& names,
                           const std::vector<Tensor>& tensors) {
  std::string response;
  for (size_t i = 0; i < names.size(); ++i) {
    tensorflow::TensorProto proto;
    tensors[i].AsProtoField(&proto);
    std::string entry;
    AppendField(1, names[i], &entry);
    AppendField(2, proto.SerializeAsString(), &entry);
    AppendField(1, entry, &response);
  }
  return response;
}

// ---- the model

// The tensors to feed: exactly the inputs of the signature, as the server asks for.
Status Feeds(const tensorflow::SignatureDef& signature, const Request& request,
             std::vector<std::pair<std::string, Tensor>>* feeds) {
  for (const auto& [name, info] : signature.inputs()) {
    const auto given = request.inputs.find(name);
    if (given == request.inputs.end())
      return absl::InvalidArgumentError(absl::StrCat("input \"", name, "\" is missing"));
    if (given->second.dtype() != info.dtype())
      return absl::InvalidArgumentError(absl::StrCat("input \"", name, "\" has the wrong dtype"));
    feeds->emplace_back(info.name(), given->second);
  }
  if (request.inputs.size() != feeds->size())
    return absl::InvalidArgumentError("the request has inputs that are not in the signature");
  return absl::OkStatus();
}

Status Predict(const tensorflow::SavedModelBundle& model, std::string_view record,
               std::string* response, double* milliseconds) {
  Request request;
  RETURN_IF_ERROR(ParseRequest(record, &request));
  const auto& signatures = model.GetSignatures();
  const auto found = signatures.find(request.signature);
  if (found == signatures.end())
    return absl::NotFoundError(absl::StrCat("no signature \"", request.signature, "\""));
  std::vector<std::pair<std::string, Tensor>> feeds;
  RETURN_IF_ERROR(Feeds(found->second, request, &feeds));
  std::vector<std::string> names, fetches;
  for (const auto& [name, info] : found->second.outputs()) {
    names.push_back(name);
    fetches.push_back(info.name());
  }
  std::vector<Tensor> outputs;
  const auto start = std::chrono::steady_clock::now();
  RETURN_IF_ERROR(model.GetSession()->Run(feeds, fetches, {}, &outputs));
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  *milliseconds = took.count();
  *response = EncodeResponse(names, outputs);
  return absl::OkStatus();
}

// A TFRecord: length, its checksum, the bytes, their checksum (not verified here).
bool ReadRecord(std::istream& in, std::string* record) {
  uint64_t length;
  char checksum[4];
  if (!in.read(reinterpret_cast<char*>(&length), 8) || !in.read(checksum, 4)) return false;
  record->resize(length);
  return in.read(record->data(), length) && in.read(checksum, 4);
}

Status Warm(const tensorflow::SavedModelBundle& model, const std::string& folder) {
  std::ifstream file(folder + "/assets.extra/tf_serving_warmup_requests", std::ios::binary);
  std::string record, response;
  double milliseconds;
  for (int number = 0; ReadRecord(file, &record); ++number) {
    const Status status = Predict(model, record, &response, &milliseconds);
    if (!status.ok())
      return Status(status.code(),
                    absl::StrCat("warm-up request ", number, ": ", status.message()));
  }
  return absl::OkStatus();
}

struct Options {
  std::string folder;
  std::vector<std::string> ops;
  int intra = 0;
  int inter = 0;
  bool warmup = true;
};

Options ParseArguments(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    const bool has_value = name == "--ops" || name == "--intra" || name == "--inter";
    const std::string value = has_value && i + 1 < count ? arguments[++i] : "";
    if (name == "--ops") options.ops.push_back(value);
    else if (name == "--intra") options.intra = std::atoi(value.c_str());
    else if (name == "--inter") options.inter = std::atoi(value.c_str());
    else if (name == "--no-warmup") options.warmup = false;
    else options.folder = name;
  }
  return options;
}

Status Load(const Options& options, tensorflow::SavedModelBundle* model) {
  tensorflow::DisableXlaCompilation();
  for (const std::string& file : options.ops) {
    TF_Status* status = TF_NewStatus();
    TF_LoadLibrary(file.c_str(), status);
    const Status loaded(static_cast<absl::StatusCode>(TF_GetCode(status)), TF_Message(status));
    TF_DeleteStatus(status);
    RETURN_IF_ERROR(loaded);
  }
  tensorflow::SessionOptions session;
  session.config.set_intra_op_parallelism_threads(options.intra);
  session.config.set_inter_op_parallelism_threads(options.inter);
  RETURN_IF_ERROR(tensorflow::LoadSavedModel(session, tensorflow::RunOptions(), options.folder,
                                                {"serve"}, model));
  return options.warmup ? Warm(*model, options.folder) : absl::OkStatus();
}

void Answer(const Status& status, double milliseconds, const std::string& response) {
  const std::string body = status.ok() ? response : std::string(status.message());
  const uint64_t length = body.size();
  const uint32_t code = static_cast<uint32_t>(status.code());
  std::cout.write(reinterpret_cast<const char*>(&length), 8);
  std::cout.write(reinterpret_cast<const char*>(&code), 4);
  std::cout.write(reinterpret_cast<const char*>(&milliseconds), 8);
  std::cout.write(body.data(), body.size()).flush();
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = ParseArguments(count, arguments);
  tensorflow::SavedModelBundle model;
  const auto start = std::chrono::steady_clock::now();
  const Status loaded = Load(options, &model);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  Answer(loaded, took.count(), "");
  if (!loaded.ok()) return 1;

  std::string record;
  while (ReadRecord(std::cin, &record)) {
    std::string response;
    double milliseconds = 0;
    const Status status = Predict(model, record, &response, &milliseconds);
    Answer(status, milliseconds, response);
  }
  return 0;
}
