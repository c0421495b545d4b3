using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Hakmem.Compat;

// Stands in for System.Diagnostics.DiagnosticMethodInfo, which .NET 9 has: the names of a stack frame's method.
internal sealed class DiagnosticMethodInfo
{
    private DiagnosticMethodInfo(MethodBase method)
    {
        Name = method.Name;
        DeclaringTypeName = method.DeclaringType?.FullName;
        DeclaringAssemblyName = method.Module.Assembly.FullName ?? "";
    }

    public string Name { get; }

    public string? DeclaringTypeName { get; }

    public string DeclaringAssemblyName { get; }

    // Returns null if the program has no reflection data of the method: it was trimmed, or compiled to native code.
    [UnconditionalSuppressMessage(
        "Trimming", "IL2026", Justification = "Only names are read; a method without data is left out of the stack.")]
    public static DiagnosticMethodInfo? Create(StackFrame frame) =>
        frame.GetMethod() is { } method ? new DiagnosticMethodInfo(method) : null;
}
