using System;

namespace Hakmem.Compat;

// Allows one declaration of a native function for all targets. In this target no generator implements the method; a
// part of its class for this target does, with DllImport.
[AttributeUsage(AttributeTargets.Method, Inherited = false)]
internal sealed class LibraryImportAttribute(string libraryName) : Attribute
{
    public string LibraryName { get; } = libraryName;

    public string? EntryPoint { get; set; }

    public bool SetLastError { get; set; }
}
