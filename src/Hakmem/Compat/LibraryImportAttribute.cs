using System;

namespace Hakmem.Compat;

// Lets a declaration of a native function be written once for all targets. Here it is only a note: no generator implements the method,
// so that a part of its class for this target does, with DllImport.
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
internal sealed class LibraryImportAttribute(string libraryName) : Attribute
{
    public string LibraryName { get; } = libraryName;

    public string? EntryPoint { get; set; }

    public bool SetLastError { get; set; }
}
