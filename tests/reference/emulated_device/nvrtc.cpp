// NVRTC with the C++ compiler: "machine code" is the path of a library that it made of the kernels and `threads.h`.

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <regex>
#include <string>

extern "C" {

struct Program {
    std::string source, library, log;
};
int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char **, const char **) {
    *program = new Program{source, "", ""};
    return 0;
}
int nvrtcDestroyProgram(Program **program) { return delete *program, 0; }
int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    std::string base = std::string(getenv("EMULATED_FOLDER")) + "/XXXXXX";
    if (!mkdtemp(base.data())) return 1;
    std::string source = base + "/kernels.cpp";
    std::ofstream file(source);
    file << program->source;
    std::regex kernel("__global__ void (?:__launch_bounds__\\(\\d+\\) )?(\\w+)\\(");
    for (std::sregex_iterator at(program->source.begin(), program->source.end(), kernel), end; at != end; ++at) {
        file << "EMULATED(" << (*at)[1] << ")\n";
    }
    file.close();
    program->library = base + "/kernels.so";
    std::string command = "g++ -O1 -shared -fPIC -fno-gnu-unique -std=c++17 -include " + std::string(getenv("EMULATED_DEVICE")) + "/threads.h";
    for (int i = 0; i < count; i++) {
        std::string option = options[i], define = "--define-macro=";
        if (option.compare(0, define.size(), define) == 0) command += " -D" + option.substr(define.size());
    }
    return system((command + " -o " + program->library + " " + source).c_str()) ? 6 : 0;
}
int nvrtcVersion(int *major, int *minor) { return *major = 13, *minor = 0; }
int nvrtcGetProgramLogSize(Program *, size_t *size) { return *size = 1, 0; }
int nvrtcGetProgramLog(Program *, char *log) { return *log = 0, 0; }
int nvrtcGetCUBINSize(Program *program, size_t *size) { return *size = program->library.size() + 1, 0; }
int nvrtcGetCUBIN(Program *program, char *code) { return strcpy(code, program->library.c_str()), 0; }
}
