using System.Diagnostics;
using System.Reflection;

namespace Hakmem.Compat;

// Stands in for System.Diagnostics.DiagnosticMethodInfo: the names of a stack frame's method.
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

    public static DiagnosticMethodInfo? Create(StackFrame frame) =>
        frame.GetMethod() is { } method ? new DiagnosticMethodInfo(method) : null;
}
