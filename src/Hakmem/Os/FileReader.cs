namespace Hakmem.Os;

// Reads a file. True is an answer: the text, or null where no such file is there for this process. False is none: the
// file could not be read at this moment (too many open files, no memory), and may well be there.
internal delegate bool FileReader(string path, out string? text);
