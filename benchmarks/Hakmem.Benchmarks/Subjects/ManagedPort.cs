using System;
using System.IO;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Hakmem.Benchmarks.Subjects;

/// <summary>
/// A port of mimalloc to C#, in an assembly of the folder that <c>MIMALLOC_PORTS</c> names. The ports are not on every
/// package source, so the benchmarks are not compiled against them.
/// </summary>
internal sealed class ManagedPort
{
    /// <summary>The environment variable that names the folder.</summary>
    public const string FolderVariable = "MIMALLOC_PORTS";

    private readonly string _assemblyName;
    private readonly string _typeName;
    private readonly Func<string?> _folder;
    private Type? _type;

    /// <summary>Describes a port.</summary>
    /// <param name="assemblyName">The assembly's name, without extension.</param>
    /// <param name="typeName">The full name of the class with the functions.</param>
    /// <param name="folder">Returns the folder, or null; <c>MIMALLOC_PORTS</c> is read if it is null itself.</param>
    public ManagedPort(string assemblyName, string typeName, Func<string?>? folder = null)
    {
        _assemblyName = assemblyName;
        _typeName = typeName;
        _folder = folder ?? (() => Environment.GetEnvironmentVariable(FolderVariable));
    }

    /// <summary>TerraFX.Interop.Mimalloc.</summary>
    public static ManagedPort TerraFx { get; } = new("TerraFX.Interop.Mimalloc", "TerraFX.Interop.Mimalloc.Mimalloc");

    /// <summary>FlowtideDotNet.MiMalloc.</summary>
    public static ManagedPort Flowtide { get; } = new("FlowtideDotNet.MiMalloc", "FlowtideDotNet.MiMalloc.MiMalloc");

    /// <summary>
    /// What to do about an assembly that is not there or is not the port, or null if it can be measured.
    /// </summary>
    public string? HowToGet
    {
        get
        {
            string? folder = _folder();
            if (string.IsNullOrEmpty(folder))
            {
                return $"build {_assemblyName} from its sources, and name the folder of {_assemblyName}.dll " +
                    $"with {FolderVariable}=/folder";
            }

            string path = PathIn(folder);
            return !File.Exists(path) ? $"{FolderVariable} names {folder}, which has no {_assemblyName}.dll"
                : TypeFrom(path) is null ? $"{path} has no class {_typeName}, or cannot be loaded"
                : null;
        }
    }

    /// <summary>The assembly's version, or null if there is none.</summary>
    public string? Version => HowToGet is null ? _type!.Assembly.GetName().Version?.ToString() : null;

    /// <summary>The address of a static function of the port, for calls by a managed function pointer.</summary>
    /// <param name="function">The function's name.</param>
    /// <param name="parameters">The types of its parameters.</param>
    /// <exception cref="InvalidOperationException">There is no port, or it has no such function.</exception>
    public nint Export(string function, params Type[] parameters)
    {
        if (HowToGet is { } reason)
        {
            throw new InvalidOperationException($"There is no {_assemblyName}: {reason}.");
        }

        MethodInfo method = _type!.GetMethod(function, BindingFlags.Public | BindingFlags.Static, parameters)
            ?? throw new InvalidOperationException($"{_typeName} has no function {function} with these parameters.");
        RuntimeHelpers.PrepareMethod(method.MethodHandle);
        return method.MethodHandle.GetFunctionPointer();
    }

    private string PathIn(string folder) => Path.GetFullPath(Path.Combine(folder, _assemblyName + ".dll"));

    private Type? TypeFrom(string path)
    {
        try
        {
            return _type ??= AssemblyLoadContext.Default.LoadFromAssemblyPath(path).GetType(_typeName);
        }
        catch (Exception refused) when (refused is BadImageFormatException or FileLoadException)
        {
            return null;
        }
    }
}
