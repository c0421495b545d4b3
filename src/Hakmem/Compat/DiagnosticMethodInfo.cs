using System.Diagnostics;
using System.Reflection;

namespace Hakmem.Compat;

// What .NET 9 brought for reading stacks where code may be trimmed.
internal sealed class DiagnosticMethodInfo
{
    private DiagnosticMethodInfo(MethodBase method) => DeclaringAssemblyName = method.Module.Assembly.FullName!;

    public string DeclaringAssemblyName { get; }

    public static DiagnosticMethodInfo? Create(StackFrame frame) => frame.GetMethod() is { } method ? new DiagnosticMethodInfo(method) : null;
}
